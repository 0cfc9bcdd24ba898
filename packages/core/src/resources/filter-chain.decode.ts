// A listener's filter chain: what it matches, its connection manager, its transport socket (config/listener/v3 FilterChain).
import { isIP } from 'node:net'
import type { CidrRange } from '../gen/envoy/config/core/v3/address_pb.ts'
import type {
  Filter,
  FilterChain as FilterChainMessage,
  FilterChainMatch as FilterChainMatchMessage,
} from '../gen/envoy/config/listener/v3/listener_components_pb.ts'
import { decodeTransportSocket, typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import { decodeHttpConnectionManager, HTTP_CONNECTION_MANAGER } from './http-connection-manager.decode.ts'
import type { FilterChain, FilterChainMatch, HttpConnectionManager } from './listener.ts'

export function decodeFilterChain(
  chain: FilterChainMessage,
  version: string,
  path: string,
  findings: Findings,
): FilterChain {
  return {
    name: chain.name,
    match: decodeMatch(chain.filterChainMatch, `${path}.filter_chain_match`, findings),
    http: decodeFilters(chain.filters, version, `${path}.filters`, findings),
    transportSocket: decodeTransportSocket(chain.transportSocket, `${path}.transport_socket`, findings),
  }
}

/** The connection manager of a chain; null where it ends in something else. */
function decodeFilters(
  filters: readonly Filter[],
  version: string,
  path: string,
  findings: Findings,
): HttpConnectionManager | null {
  let http: HttpConnectionManager | null = null
  filters.forEach((filter, i) => {
    const at = `${path}[${i}]`
    const { configType } = filter
    if (configType.case !== 'typedConfig') {
      if (configType.case === undefined) findings.error(`${at}.typed_config`, 'is missing')
      return
    }
    const type = typeName(configType.value)
    if (type === HTTP_CONNECTION_MANAGER) {
      if (http !== null || i !== filters.length - 1)
        findings.error(at, 'the connection manager must be the last filter')
      http = decodeHttpConnectionManager(configType.value, version, `${at}.typed_config`, findings)
    } else if (SECURITY.some((prefix) => type.startsWith(prefix)))
      findings.error(at, `network filter ${type} enforces security and cannot be honoured yet`)
    else findings.value('ignored', at, `network filter ${type} is not known`)
  })
  return http
}

function decodeMatch(match: FilterChainMatchMessage | undefined, path: string, findings: Findings): FilterChainMatch {
  if (match === undefined) return ANY
  const port = match.destinationPort ?? null
  // Envoy: 1 to 65,535.
  if (port !== null && (port < 1 || port > 65_535)) findings.error(`${path}.destination_port`, `${port} is no port`)
  if (!TRANSPORT_PROTOCOLS.has(match.transportProtocol))
    findings.error(`${path}.transport_protocol`, `"${match.transportProtocol}" is not known`)
  match.serverNames.forEach((name, i) => {
    if (name.includes('*') && (!name.startsWith('*.') || name.indexOf('*', 1) > 0))
      findings.error(`${path}.server_names[${i}]`, `"${name}": a wildcard stands first and alone`)
  })
  return {
    destinationPort: port,
    prefixRanges: ranges(match.prefixRanges, `${path}.prefix_ranges`, findings),
    sourcePrefixRanges: ranges(match.sourcePrefixRanges, `${path}.source_prefix_ranges`, findings),
    serverNames: match.serverNames.map((name) => name.toLowerCase()),
    transportProtocol: match.transportProtocol,
    applicationProtocols: match.applicationProtocols,
  }
}

/** `address/bits`; without bits 0, as in Envoy. */
function ranges(list: readonly CidrRange[], path: string, findings: Findings): string[] {
  return list.map(({ addressPrefix, prefixLen }, i) => {
    const family = isIP(addressPrefix)
    const bits = prefixLen ?? 0
    if (family === 0) findings.error(`${path}[${i}].address_prefix`, `"${addressPrefix}" is no IP address`)
    else if (bits > (family === 6 ? 128 : 32)) findings.error(`${path}[${i}].prefix_len`, `${bits} is too long`)
    return `${addressPrefix}/${bits}`
  })
}

const ANY: FilterChainMatch = Object.freeze({
  destinationPort: null,
  prefixRanges: [],
  sourcePrefixRanges: [],
  serverNames: [],
  transportProtocol: '',
  applicationProtocols: [],
})
const TRANSPORT_PROTOCOLS: ReadonlySet<string> = new Set(['', 'raw_buffer', 'tls'])
/** Network filters that a connection must not pass without. */
const SECURITY: readonly string[] = [
  'envoy.extensions.filters.network.rbac.',
  'envoy.extensions.filters.network.ext_authz.',
]
