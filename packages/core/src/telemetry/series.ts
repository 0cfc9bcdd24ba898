// The cells behind Istio's standard metrics: one counter and three histograms for one combination of labels, in one typed
// array. A labelled `observe` of a metrics library hashes its labels each time; these cells cost a few nanoseconds.
// Buckets: Envoy's default histogram buckets, which Istio keeps for durations (milliseconds) and sizes (bytes) alike.

/** Upper bounds of the histograms' buckets, inclusive; one more bucket holds everything above the last. */
export const HISTOGRAM_BOUNDS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
]

const BOUNDS = Float64Array.from(HISTOGRAM_BOUNDS)
const SUM = HISTOGRAM_BOUNDS.length + 1
const HISTOGRAM_CELLS = SUM + 1

/** The histograms of a series, by where their cells begin. */
export const SeriesHistogram: {
  readonly Duration: number
  readonly RequestBytes: number
  readonly ResponseBytes: number
} = {
  /** istio_request_duration_milliseconds. */
  Duration: 1,
  /** istio_request_bytes. */
  RequestBytes: 1 + HISTOGRAM_CELLS,
  /** istio_response_bytes. */
  ResponseBytes: 1 + 2 * HISTOGRAM_CELLS,
}

export type SeriesHistogram = (typeof SeriesHistogram)[keyof typeof SeriesHistogram]

/**
 * One combination of label values.
 *
 *     cells   [ requests | 19 buckets, +Inf, sum | 19 buckets, +Inf, sum | 19 buckets, +Inf, sum ]
 *                          duration                request bytes           response bytes
 */
export class Series {
  /** Values in the order of ISTIO_LABELS. */
  readonly labels: readonly string[]
  readonly #cells: Float64Array = new Float64Array(1 + 3 * HISTOGRAM_CELLS)

  constructor(labels: readonly string[]) {
    this.labels = labels
  }

  /** Counts a request. */
  increment(): void {
    const cells = this.#cells
    cells[0] = (cells[0] as number) + 1
  }

  /** Requests counted: istio_requests_total. */
  get requests(): number {
    return this.#cells[0] as number
  }

  /** Puts `value` into one of the histograms. */
  observe(histogram: SeriesHistogram, value: number): void {
    let low = 0
    let high = BOUNDS.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (value <= (BOUNDS[middle] as number)) high = middle
      else low = middle + 1
    }
    const cells = this.#cells
    cells[histogram + low] = (cells[histogram + low] as number) + 1
    cells[histogram + SUM] = (cells[histogram + SUM] as number) + value
  }

  /** Values in bucket `index` alone (not cumulative); index HISTOGRAM_BOUNDS.length is everything above the last bound. */
  bucket(histogram: SeriesHistogram, index: number): number {
    return this.#cells[histogram + index] as number
  }

  /** Sum of the observed values. */
  sum(histogram: SeriesHistogram): number {
    return this.#cells[histogram + SUM] as number
  }
}
