// Choosing a listener's filter chain for a connection (config/listener/v3 FilterChainMatch). Envoy's order: destination
// port, destination range, server name, transport protocol, application protocols, source range. At each step the chains
// that name the most specific fitting value stay in, and those that name none only when no other fits: there is no way
// back from a step.
import type { FilterChain, FilterChainMatch } from '../resources/listener.ts'
import { compileCidr, type Cidr } from './cidr.ts'

/** A connection's facts that a filter chain is matched by. */
export interface FilterChainInput {
  readonly destinationAddress: string
  readonly destinationPort: number
  readonly sourceAddress: string
  /** SNI; null without TLS or without the extension. */
  readonly serverName: string | null
  readonly transportProtocol: 'raw_buffer' | 'tls'
  /** ALPN as the client offers it; empty when it offers none. */
  readonly applicationProtocols: readonly string[]
}

/** A listener's filter chains, compiled. */
export class FilterChainMatcher<T> {
  readonly #chains: readonly CompiledChain<T>[]
  readonly #default: T | null

  constructor(chains: readonly { readonly match: FilterChainMatch; readonly chain: T }[], otherwise: T | null) {
    this.#chains = chains.map(({ match, chain }) => compileChain(match, chain))
    this.#default = otherwise
  }

  /** Null: no chain matches and there is no default; the connection is closed. */
  match(input: FilterChainInput): T | null {
    let left = this.#chains
    for (const step of STEPS) {
      left = mostSpecific(left, step, input)
      if (left.length === 0) return this.#default
    }
    return left[0]?.chain ?? this.#default
  }
}

/** The matcher of a listener's own chains. */
export function filterChainMatcher(listener: {
  readonly filterChains: readonly FilterChain[]
  readonly defaultFilterChain: FilterChain | null
}): FilterChainMatcher<FilterChain> {
  return new FilterChainMatcher(
    listener.filterChains.map((chain) => ({ match: chain.match, chain })),
    listener.defaultFilterChain,
  )
}

interface CompiledChain<T> {
  readonly chain: T
  readonly match: FilterChainMatch
  readonly destinations: readonly Cidr[]
  readonly sources: readonly Cidr[]
}

/** How well a chain fits at one step: -1 not at all, 0 it names nothing, more is more specific. */
type Step = (chain: CompiledChain<unknown>, input: FilterChainInput) => number

function compileChain<T>(match: FilterChainMatch, chain: T): CompiledChain<T> {
  return {
    chain,
    match,
    destinations: match.prefixRanges.map(compileCidr).filter((cidr) => cidr !== null),
    sources: match.sourcePrefixRanges.map(compileCidr).filter((cidr) => cidr !== null),
  }
}

function mostSpecific<T>(
  chains: readonly CompiledChain<T>[],
  step: Step,
  input: FilterChainInput,
): readonly CompiledChain<T>[] {
  let best = -1
  let kept: CompiledChain<T>[] = []
  for (const chain of chains) {
    const fit = step(chain, input)
    if (fit < 0 || fit < best) continue
    if (fit > best) kept = []
    best = fit
    kept.push(chain)
  }
  return kept
}

const STEPS: readonly Step[] = [
  ({ match }, input) => {
    if (match.destinationPort === null) return 0
    return match.destinationPort === input.destinationPort ? 1 : -1
  },
  ({ match, destinations }, input) => rangeFit(match.prefixRanges, destinations, input.destinationAddress),
  ({ match }, input) => serverNameFit(match.serverNames, input.serverName),
  ({ match }, input) => {
    if (match.transportProtocol === '') return 0
    return match.transportProtocol === input.transportProtocol ? 1 : -1
  },
  ({ match }, input) => {
    if (match.applicationProtocols.length === 0) return 0
    // The client's order decides: its first protocol that some chain names.
    for (let i = 0; i < input.applicationProtocols.length; i++)
      if (match.applicationProtocols.includes(input.applicationProtocols[i] as string)) return 1_000 - i
    return -1
  },
  ({ match, sources }, input) => rangeFit(match.sourcePrefixRanges, sources, input.sourceAddress),
]

function rangeFit(named: readonly string[], ranges: readonly Cidr[], address: string): number {
  if (named.length === 0) return 0
  let longest = -1
  for (const range of ranges) if (range.prefixLength > longest && range.contains(address)) longest = range.prefixLength
  return longest < 0 ? -1 : longest + 1
}

// An exact name beats `*.a.b`, and that beats `*.b`.
function serverNameFit(names: readonly string[], serverName: string | null): number {
  if (names.length === 0) return 0
  if (serverName === null) return -1
  const asked = serverName.toLowerCase()
  let best = -1
  for (const name of names) {
    const fits = name.startsWith('*.')
      ? asked.length > name.length - 1 && asked.endsWith(name.slice(1))
      : asked === name
    if (fits) best = Math.max(best, name.startsWith('*.') ? name.length : 1_000)
  }
  return best
}
