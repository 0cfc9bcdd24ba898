// A cluster's picker: the priority, whether it is in panic, the algorithm of the load-balancing policy, and the endpoints
// that this request should avoid (Envoy's LoadBalancerBase and retry host predicates).
import type { Endpoint } from '../cluster/endpoint.ts'
import type { EndpointTable } from '../cluster/endpoint-table.ts'
import type { PriorityLevel, PrioritySet } from '../cluster/priority-set.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { LoadBalancing } from '../resources/cluster.ts'
import type { Random } from '../runtime/random.ts'
import { EdfSelector } from './edf.ts'
import { LeastRequestSelector } from './least-request.ts'
import type { Picker } from './picker.ts'
import { RandomSelector } from './random.ts'
import { RoundRobinSelector } from './round-robin.ts'
import { type Candidates, candidatesOf, type Selector } from './selector.ts'

/** A picker for the members of `prioritySet`; it follows their ejections, another set needs another picker. */
export function createPicker(
  loadBalancing: LoadBalancing,
  prioritySet: PrioritySet,
  table: EndpointTable,
  random: Random,
): Picker {
  if (prioritySet.levels.length === 0) return emptyPicker
  return new PriorityPicker(loadBalancing, prioritySet, table, random)
}

/** There is nothing to pick. */
export const emptyPicker: Picker = { pick: () => null }

class PriorityPicker implements Picker {
  readonly #loadBalancing: LoadBalancing
  readonly #set: PrioritySet
  readonly #table: EndpointTable
  readonly #random: Random
  readonly #selectors: readonly Selector[]
  // Made when a level panics for the first time: rare, and a copy of all its endpoints.
  readonly #panicSelectors: (Selector | null)[]

  constructor(loadBalancing: LoadBalancing, set: PrioritySet, table: EndpointTable, random: Random) {
    this.#loadBalancing = loadBalancing
    this.#set = set
    this.#table = table
    this.#random = random
    this.#selectors = set.levels.map(({ usable, equalWeights }, level) =>
      createSelector(loadBalancing, equalWeights, this.#candidates(usable, level, true)),
    )
    this.#panicSelectors = set.levels.map(() => null)
  }

  pick(_x: Exchange, tried: readonly Endpoint[] | null, reattempts: number = 1): Endpoint | null {
    let chosen = this.#select()
    if (tried === null || chosen === null) return chosen
    for (let i = 0; i < reattempts && tried.includes(chosen); i++) {
      const other = this.#select()
      if (other === null) break
      chosen = other
    }
    return chosen
  }

  #select(): Endpoint | null {
    const set = this.#set
    const level = this.#selectors.length === 1 ? 0 : set.chooseLevel(this.#random.next())
    if (set.panic[level] === 1) return this.#panicSelector(level).select()
    return (this.#selectors[level] as Selector).select()
  }

  #candidates(endpoints: readonly Endpoint[], level: number, skipEjected: boolean): Candidates {
    const { ejected } = this.#set
    return candidatesOf({ endpoints, table: this.#table, random: this.#random, skipEjected, ejected, level })
  }

  #panicSelector(at: number): Selector {
    let selector = this.#panicSelectors[at] ?? null
    if (selector === null) {
      const { endpoints } = this.#set.levels[at] as PriorityLevel
      const weight = this.#table.weight
      const first = endpoints[0]
      const equal = first === undefined || endpoints.every((e) => weight[e.index] === weight[first.index])
      selector = createSelector(this.#loadBalancing, equal, this.#candidates(endpoints, at, false))
      this.#panicSelectors[at] = selector
    }
    return selector
  }
}

function createSelector(loadBalancing: LoadBalancing, equalWeights: boolean, candidates: Candidates): Selector {
  switch (loadBalancing.kind) {
    case 'random':
      return new RandomSelector(candidates)
    case 'least_request':
      return equalWeights
        ? new LeastRequestSelector(candidates, loadBalancing.choiceCount)
        : new EdfSelector(candidates, true)
    case 'round_robin':
    case 'unsupported':
      return equalWeights ? new RoundRobinSelector(candidates) : new EdfSelector(candidates, false)
  }
}
