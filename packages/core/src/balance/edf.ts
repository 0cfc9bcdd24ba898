// Earliest deadline first: weighted choice as Envoy's EdfScheduler does it. Each endpoint is due 1/weight after its last
// turn; the one due first is next. For LEAST_REQUEST the weight is divided by the requests under way plus one
// (active_request_bias 1), read when the endpoint is put back.
import type { Endpoint } from '../cluster/endpoint.ts'
import { type Candidates, scan, type Selector } from './selector.ts'

export class EdfSelector implements Selector {
  readonly #candidates: Candidates
  readonly #byLoad: boolean
  // A binary heap of positions in `endpoints`, ordered by deadline.
  readonly #heap: Uint32Array
  readonly #deadline: Float64Array

  /** `byLoad` divides weights by requests under way. */
  constructor(candidates: Candidates, byLoad: boolean) {
    this.#candidates = candidates
    this.#byLoad = byLoad
    const count = candidates.endpoints.length
    this.#heap = new Uint32Array(count)
    this.#deadline = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      this.#heap[i] = i
      // Somewhere within the first turn, so that many processes do not all begin with the heaviest endpoint.
      this.#deadline[i] = candidates.random.next() * this.#interval(i)
    }
    for (let i = (count >> 1) - 1; i >= 0; i--) this.#sink(i)
  }

  select(): Endpoint | null {
    const { endpoints, rows, table, skipEjected } = this.#candidates
    const heap = this.#heap
    if (heap.length === 0) return null
    for (let turn = 0; turn < TURNS; turn++) {
      const next = heap[0] as number
      this.#deadline[next] = (this.#deadline[next] as number) + this.#interval(next)
      this.#sink(0)
      if (!skipEjected || table.ejected[rows[next] as number] === 0) return endpoints[next] as Endpoint
    }
    return scan(this.#candidates)
  }

  #interval(at: number): number {
    const { rows, table } = this.#candidates
    const row = rows[at] as number
    const weight = Math.max(table.weight[row] as number, 1)
    return this.#byLoad ? ((table.active[row] as number) + 1) / weight : 1 / weight
  }

  #sink(from: number): void {
    const heap = this.#heap
    const deadline = this.#deadline
    const count = heap.length
    const moving = heap[from] as number
    const due = deadline[moving] as number
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      const right = child + 1
      if (right < count && (deadline[heap[right] as number] as number) < (deadline[heap[child] as number] as number)) {
        child = right
      }
      if ((deadline[heap[child] as number] as number) >= due) break
      heap[at] = heap[child] as number
      at = child
    }
    heap[at] = moving
  }
}

const TURNS = 64
