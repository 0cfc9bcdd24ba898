import { describe, expect, it } from 'vitest'
import type { FilterChainMatch } from '../resources/listener.ts'
import { type FilterChainInput, FilterChainMatcher } from './filter-chain-match.ts'

const ANY: FilterChainMatch = {
  destinationPort: null,
  prefixRanges: [],
  sourcePrefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
}

const INPUT: FilterChainInput = {
  destinationAddress: '10.0.0.1',
  destinationPort: 8080,
  sourceAddress: '10.0.0.9',
  serverName: null,
  transportProtocol: 'raw_buffer',
  applicationProtocols: [],
}

function choose(
  chains: Readonly<Record<string, Partial<FilterChainMatch>>>,
  input: Partial<FilterChainInput> = {},
  otherwise: string | null = null,
): string | null {
  const entries = Object.entries(chains).map(([chain, match]) => ({ chain, match: { ...ANY, ...match } }))
  return new FilterChainMatcher(entries, otherwise).match({ ...INPUT, ...input })
}

describe('FilterChainMatcher', () => {
  it('takes a chain that names nothing', () => {
    expect(choose({ any: {} })).toBe('any')
  })

  it('falls back to the default chain, or to none', () => {
    expect(choose({ tls: { transportProtocol: 'tls' } }, {}, 'default')).toBe('default')
    expect(choose({ tls: { transportProtocol: 'tls' } })).toBe(null)
    expect(choose({}, {}, null)).toBe(null)
  })

  it('tells TLS from plaintext, as PERMISSIVE needs it', () => {
    const permissive = {
      mtls: { transportProtocol: 'tls', applicationProtocols: ['istio', 'istio-http/1.1'] },
      tls: { transportProtocol: 'tls' },
      plaintext: { transportProtocol: 'raw_buffer' },
    }
    expect(choose(permissive)).toBe('plaintext')
    expect(choose(permissive, { transportProtocol: 'tls' })).toBe('tls')
    const istio = { transportProtocol: 'tls', applicationProtocols: ['istio-http/1.1', 'istio'] } as const
    expect(choose(permissive, istio)).toBe('mtls')
    expect(choose(permissive, { transportProtocol: 'tls', applicationProtocols: ['http/1.1'] })).toBe('tls')
  })

  it("lets the client's first known application protocol decide", () => {
    const chains = { h2: { applicationProtocols: ['h2'] }, h1: { applicationProtocols: ['http/1.1'] } }
    expect(choose(chains, { applicationProtocols: ['x', 'http/1.1', 'h2'] })).toBe('h1')
    expect(choose(chains, { applicationProtocols: ['h2', 'http/1.1'] })).toBe('h2')
    expect(choose(chains, { applicationProtocols: [] })).toBe(null)
  })

  it('prefers the named port to none, and does not come back from it', () => {
    const chains = { port: { destinationPort: 8080, transportProtocol: 'tls' }, any: {} }
    expect(choose(chains, { transportProtocol: 'tls' })).toBe('port')
    expect(choose(chains, { destinationPort: 81 })).toBe('any')
    expect(choose(chains, { transportProtocol: 'raw_buffer' })).toBe(null)
  })

  it('prefers the longest destination range', () => {
    const chains = { wide: { prefixRanges: ['10.0.0.0/8'] }, narrow: { prefixRanges: ['10.0.0.0/24', '1.0.0.0/8'] } }
    expect(choose(chains)).toBe('narrow')
    expect(choose(chains, { destinationAddress: '10.9.9.9' })).toBe('wide')
    expect(choose(chains, { destinationAddress: '192.168.0.1' })).toBe(null)
    expect(choose({ zero: { prefixRanges: ['0.0.0.0/0'] }, any: {} })).toBe('zero')
  })

  it('prefers an exact server name to the longest wildcard', () => {
    const chains = {
      exact: { serverNames: ['a.b.com'] },
      long: { serverNames: ['*.b.com'] },
      short: { serverNames: ['*.com'] },
      any: {},
    }
    expect(choose(chains, { serverName: 'A.b.com' })).toBe('exact')
    expect(choose(chains, { serverName: 'x.b.com' })).toBe('long')
    expect(choose(chains, { serverName: 'b.com' })).toBe('short')
    expect(choose(chains, { serverName: 'x.org' })).toBe('any')
    expect(choose(chains)).toBe('any')
  })

  it('matches the source range last', () => {
    const chains = { near: { sourcePrefixRanges: ['10.0.0.0/24'] }, far: {} }
    expect(choose(chains)).toBe('near')
    expect(choose(chains, { sourceAddress: '10.0.1.1' })).toBe('far')
  })
})
