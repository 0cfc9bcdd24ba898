// Counts one route's answers as its callers saw them.

/** What the demo's summary says of a route. */
export interface RouteSummary {
  readonly route: string
  /** Share of each version among the successes. */
  readonly split: Record<string, number>
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly mtls: boolean
}

/** One route's counts and latencies; the split is of the latest requests, so that a changed weight shows at once. */
export class RouteStatistics {
  readonly route: string
  requests = 0
  failed = 0
  readonly #latencies: number[] = []
  readonly #versions = new Map<string, number>()
  #recent: string[] = []

  constructor(route: string) {
    this.route = route
  }

  add(ok: boolean, version: string | null, latencyMs: number): void {
    this.requests++
    if (!ok) this.failed++
    this.#latencies.push(latencyMs)
    if (this.#latencies.length > KEPT_LATENCIES) this.#latencies.splice(0, KEPT_LATENCIES / 2)
    if (!ok || version === null) return
    this.#versions.set(version, (this.#versions.get(version) ?? 0) + 1)
    this.#recent.push(version)
    if (this.#recent.length > RECENT) this.#recent = this.#recent.slice(-RECENT / 2)
  }

  /** Cells of the live table. */
  row(mtls: boolean): string[] {
    const counts = new Map<string, number>()
    for (const version of this.#recent) counts.set(version, (counts.get(version) ?? 0) + 1)
    const split = [...counts]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([version, n]) => `${version} ${Math.round((100 * n) / this.#recent.length)} %`)
    const success =
      this.requests === 0 ? '-' : `${((100 * (this.requests - this.failed)) / this.requests).toFixed(2)} %`
    return [
      this.route,
      split.join(', ') || '-',
      String(this.requests),
      success,
      this.#percentile(0.5),
      this.#percentile(0.99),
      mtls ? 'yes' : 'no',
    ]
  }

  summary(mtls: boolean): RouteSummary {
    const total = [...this.#versions.values()].reduce((a, b) => a + b, 0)
    const split = Object.fromEntries(
      [...this.#versions]
        .sort(([a], [b]) => a.localeCompare(b))
        .map(([version, n]) => [version, Math.round((1000 * n) / total) / 1000]),
    )
    return { route: this.route, split, p50: Number(this.#percentile(0.5)), p99: Number(this.#percentile(0.99)), mtls }
  }

  #percentile(share: number): string {
    const sorted = [...this.#latencies].sort((a, b) => a - b)
    return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
  }
}

const RECENT = 2_000
const KEPT_LATENCIES = 20_000
