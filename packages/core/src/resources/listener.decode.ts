// Decodes Listener: the api_listener of an outbound destination, or the filter chains of an address that is listened on.
import { fromBinary, ListenerSchema } from '../gen/messages.js'
import type { Listener as ListenerMessage } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import type { Decoded, ResourceType } from '../xds/resource-type.ts'
import { decodeMetadata, istioConfig, typeName } from './core-messages.decode.ts'
import { decodeFilterChain } from './filter-chain.decode.ts'
import { decodeSafely, Findings } from './findings.ts'
import { decodeHttpConnectionManager, HTTP_CONNECTION_MANAGER } from './http-connection-manager.decode.ts'
import { listenerSupport } from './listener.support.ts'
import type { HttpConnectionManager, Listener } from './listener.ts'

/** LDS. */
export const listenerType: ResourceType<Listener> = {
  typeUrl: `type.googleapis.com/${ListenerSchema.typeName}`,
  shortName: 'Listener',
  fullState: true,
  decode: (bytes, origin) => decodeSafely(bytes, () => decode(bytes, origin.version)),
}

function decode(bytes: Uint8Array, version: string): Decoded<Listener> {
  const message = fromBinary(ListenerSchema, bytes)
  const findings = new Findings()
  listenerSupport.report(ListenerSchema, message, '', findings)
  if (message.name === '') findings.error('name', 'is empty')
  const metadata = decodeMetadata(message.metadata)
  const filterChains = message.filterChains.map((chain, i) =>
    decodeFilterChain(chain, version, `filter_chains[${i}]`, findings),
  )
  return findings.decoded(message.name, {
    origin: { type: 'Listener', name: message.name, version, config: istioConfig(metadata) },
    name: message.name,
    ...address(message, findings),
    apiListener: apiListener(message, version, findings),
    filterChains,
    defaultFilterChain:
      message.defaultFilterChain === undefined
        ? null
        : decodeFilterChain(message.defaultFilterChain, version, 'default_filter_chain', findings),
    metadata,
  })
}

function apiListener(
  { apiListener: given }: ListenerMessage,
  version: string,
  findings: Findings,
): HttpConnectionManager | null {
  if (given === undefined) return null
  const any = given.apiListener
  if (any !== undefined && typeName(any) === HTTP_CONNECTION_MANAGER)
    return decodeHttpConnectionManager(any, version, 'api_listener.api_listener', findings)
  findings.error(
    'api_listener.api_listener',
    any === undefined ? 'is missing' : `${typeName(any)} is no HTTP connection manager`,
  )
  return null
}

function address(
  { address: given }: ListenerMessage,
  findings: Findings,
): { readonly address: string | null; readonly port: number | null } {
  const of = given?.address
  if (of?.case === 'pipe') return { address: of.value.path, port: null }
  if (of?.case !== 'socketAddress') return { address: null, port: null }
  const { address: host, portSpecifier } = of.value
  const port = portSpecifier.case === 'portValue' ? portSpecifier.value : 0
  if (port > 65_535) findings.error('address.socket_address.port_value', `${port} is no port`)
  return { address: host, port }
}
