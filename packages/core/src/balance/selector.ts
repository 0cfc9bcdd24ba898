// One load-balancing algorithm over the endpoints of one priority. A selector knows no priorities, no panic and no
// retries; balancer.ts puts these around it.
import type { Endpoint } from '../cluster/endpoint.ts'
import type { EndpointTable } from '../cluster/endpoint-table.ts'
import type { Random } from '../runtime/random.ts'

/** Chooses among endpoints. */
export interface Selector {
  /** Null when there is none, or all are ejected. */
  select(): Endpoint | null
}

/** What a selector chooses from. */
export interface Candidates {
  readonly endpoints: readonly Endpoint[]
  /** Where each endpoint's cells are: index i belongs to `endpoints[i]`. */
  readonly rows: Uint32Array
  readonly table: EndpointTable
  readonly random: Random
  /** False in panic: ejected endpoints are taken too. */
  readonly skipEjected: boolean
  /** How many of them are ejected: `ejected[level]`. Zero spares a look at each. */
  readonly ejected: Uint32Array
  readonly level: number
}

/** Candidates over the endpoints of a level. */
export function candidatesOf(from: Omit<Candidates, 'rows'>): Candidates {
  const { endpoints } = from
  const rows = new Uint32Array(endpoints.length)
  for (let i = 0; i < endpoints.length; i++) rows[i] = (endpoints[i] as Endpoint).index
  return { ...from, rows }
}

/** The first endpoint from a random place on that is not ejected; null when all are. For when dice had no luck. */
export function scan(candidates: Candidates): Endpoint | null {
  const { endpoints, rows, table, random, skipEjected } = candidates
  const count = endpoints.length
  if (count === 0) return null
  let at = Math.floor(random.next() * count)
  for (let i = 0; i < count; i++) {
    if (!skipEjected || table.ejected[rows[at] as number] === 0) return endpoints[at] as Endpoint
    if (++at === count) at = 0
  }
  return null
}
