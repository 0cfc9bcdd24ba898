// LEAST_REQUEST over endpoints of equal weight: the power of choices (Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing"). Of `choiceCount` endpoints rolled, the one with the fewest requests under way; the first
// wins a tie, and one endpoint may be rolled twice, as in Envoy. With unequal weights edf.ts takes its place.
import type { Endpoint } from '../cluster/endpoint.ts'
import { type Candidates, scan, type Selector } from './selector.ts'

export class LeastRequestSelector implements Selector {
  readonly #candidates: Candidates
  readonly #choiceCount: number

  /** `choiceCount` is Envoy's choice_count, 2 by default. */
  constructor(candidates: Candidates, choiceCount: number) {
    this.#candidates = candidates
    this.#choiceCount = Math.max(2, choiceCount)
  }

  select(): Endpoint | null {
    const { endpoints, rows, table, random, skipEjected, ejected, level } = this.#candidates
    const count = endpoints.length
    if (count <= 1) return scan(this.#candidates)
    if (this.#choiceCount !== 2 || (skipEjected && ejected[level] !== 0)) return this.#selectOfMany()
    const first = Math.floor(random.next() * count)
    const second = Math.floor(random.next() * count)
    const { active } = table
    const secondIsLess = (active[rows[second] as number] as number) < (active[rows[first] as number] as number)
    return endpoints[secondIsLess ? second : first] as Endpoint
  }

  #selectOfMany(): Endpoint | null {
    const { endpoints, rows, table, random, skipEjected } = this.#candidates
    const { active, ejected } = table
    const count = endpoints.length
    let chosen = -1
    let fewest = 0
    // An ejected endpoint costs a roll of its own, so that the choice stays one among `choiceCount`.
    let rolls = this.#choiceCount
    for (let spare = SPARE_ROLLS; rolls > 0; rolls--) {
      const at = Math.floor(random.next() * count)
      const row = rows[at] as number
      if (skipEjected && ejected[row] === 1) {
        if (spare-- > 0) rolls++
        continue
      }
      const requests = active[row] as number
      if (chosen < 0 || requests < fewest) {
        chosen = at
        fewest = requests
      }
    }
    return chosen < 0 ? scan(this.#candidates) : (endpoints[chosen] as Endpoint)
  }
}

const SPARE_ROLLS = 4
