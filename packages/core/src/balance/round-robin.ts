// ROUND_ROBIN over endpoints of equal weight, from a random place on so that many processes do not march in step. With
// unequal weights edf.ts takes its place, as in Envoy.
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Candidates, Selector } from './selector.ts'

export class RoundRobinSelector implements Selector {
  readonly #candidates: Candidates
  #at: number

  constructor(candidates: Candidates) {
    this.#candidates = candidates
    this.#at = Math.floor(candidates.random.next() * candidates.endpoints.length)
  }

  select(): Endpoint | null {
    const { endpoints, rows, table, skipEjected } = this.#candidates
    const count = endpoints.length
    for (let i = 0; i < count; i++) {
      const at = this.#at
      this.#at = at + 1 === count ? 0 : at + 1
      if (!skipEjected || table.ejected[rows[at] as number] === 0) return endpoints[at] as Endpoint
    }
    return null
  }
}
