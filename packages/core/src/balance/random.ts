// Envoy's RANDOM: each endpoint alike, whatever its weight.
import type { Endpoint } from '../cluster/endpoint.ts'
import { type Candidates, scan, type Selector } from './selector.ts'

export class RandomSelector implements Selector {
  readonly #candidates: Candidates

  constructor(candidates: Candidates) {
    this.#candidates = candidates
  }

  select(): Endpoint | null {
    const { endpoints, rows, table, random, skipEjected, ejected, level } = this.#candidates
    const count = endpoints.length
    if (count === 0) return null
    if (!skipEjected || ejected[level] === 0) return endpoints[Math.floor(random.next() * count)] as Endpoint
    for (let roll = 0; roll < ROLLS; roll++) {
      const at = Math.floor(random.next() * count)
      if (table.ejected[rows[at] as number] === 0) return endpoints[at] as Endpoint
    }
    return scan(this.#candidates)
  }
}

const ROLLS = 4
