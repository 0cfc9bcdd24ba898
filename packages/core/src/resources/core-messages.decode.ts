// Pieces that several resources share (config/core/v3): durations, metadata, header changes, Any, transport sockets.
import type { Any, Duration } from '@bufbuild/protobuf/wkt'
import type {
  HeaderValueOption,
  Metadata as MetadataMessage,
  TransportSocket as TransportSocketMessage,
} from '../gen/envoy/config/core/v3/base_pb.ts'
import type { Findings } from './findings.ts'
import { commandOperators } from './header-value.ts'
import type { TransportSocket } from './listener.ts'
import type { Metadata } from './origin.ts'
import type { HeaderAddition, HeaderMutations } from './route-configuration.ts'

/** A duration in milliseconds; null when it is not set. A negative one is an error. */
export function durationMs(duration: Duration | undefined, path: string, findings: Findings): number | null {
  if (duration === undefined) return null
  const ms = Number(duration.seconds) * 1000 + duration.nanos / 1_000_000
  if (ms >= 0 && Number.isFinite(ms)) return ms
  findings.error(path, 'is negative')
  return null
}

/** As `durationMs` where the field must be above zero. */
export function positiveDurationMs(duration: Duration | undefined, path: string, findings: Findings): number | null {
  const ms = durationMs(duration, path, findings)
  if (ms === 0) findings.error(path, 'must be greater than 0')
  return ms
}

/** The type URL of an Any without `type.googleapis.com/`. */
export function typeName(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1)
}

/** filter_metadata as plain objects. */
export function decodeMetadata(metadata: MetadataMessage | undefined): Metadata {
  return metadata === undefined ? NO_METADATA : (metadata.filterMetadata as Metadata)
}

/** Path of the Istio object that a resource was made from: `filter_metadata.istio.config`. */
export function istioConfig(metadata: Metadata): string | null {
  const config = metadata['istio']?.['config']
  return typeof config === 'string' ? config : null
}

/** Keeps the type and bytes of a transport socket; the security part decodes them. */
export function decodeTransportSocket(
  socket: TransportSocketMessage | undefined,
  path: string,
  findings: Findings,
): TransportSocket | null {
  if (socket === undefined) return null
  if (socket.configType.case === undefined) {
    // Only raw_buffer has nothing to configure.
    if (socket.name !== RAW_BUFFER) findings.error(path, 'typed_config is missing')
    return null
  }
  const any = socket.configType.value
  if (typeName(any) === RAW_BUFFER_TYPE) return null
  return { name: socket.name, typeUrl: typeName(any), value: any.value }
}

/** The header lists of one level. */
export interface HeaderLists {
  readonly requestHeadersToAdd: readonly HeaderValueOption[]
  readonly requestHeadersToRemove: readonly string[]
  readonly responseHeadersToAdd: readonly HeaderValueOption[]
  readonly responseHeadersToRemove: readonly string[]
}

/** Header changes; what Envoy forbids (pseudo headers and Host) is an error. */
export function decodeHeaderMutations(lists: HeaderLists, path: string, findings: Findings): HeaderMutations {
  if (
    lists.requestHeadersToAdd.length === 0 &&
    lists.requestHeadersToRemove.length === 0 &&
    lists.responseHeadersToAdd.length === 0 &&
    lists.responseHeadersToRemove.length === 0
  )
    return NO_MUTATIONS
  return {
    requestAdd: additions(lists.requestHeadersToAdd, `${path}request_headers_to_add`, findings),
    requestRemove: removals(lists.requestHeadersToRemove, `${path}request_headers_to_remove`, findings),
    responseAdd: additions(lists.responseHeadersToAdd, `${path}response_headers_to_add`, findings),
    responseRemove: removals(lists.responseHeadersToRemove, `${path}response_headers_to_remove`, findings),
  }
}

function additions(options: readonly HeaderValueOption[], path: string, findings: Findings): HeaderAddition[] {
  return options.map((option, i) => {
    const at = `${path}[${i}]`
    const name = (option.header?.key ?? '').toLowerCase()
    const raw = option.header?.rawValue
    const value = option.header === undefined || option.header.value !== '' ? (option.header?.value ?? '') : latin1(raw)
    if (name === '') findings.error(`${at}.header.key`, 'is empty')
    else if (isProtected(name)) findings.error(`${at}.header.key`, `"${name}" may not be changed by a route`)
    if (/[\0\r\n]/.test(name) || /[\0\r\n]/.test(value)) findings.error(`${at}.header`, 'has a line break or NUL in it')
    const operators = commandOperators(value)
    if (operators === null) findings.error(`${at}.header.value`, 'has a percent sign that is not closed')
    else if (operators.length > 0)
      findings.value('ignored', `${at}.header.value`, `${operators.join(' ')} stays as it is written`)
    if (option.append !== undefined && option.appendAction !== 0)
      findings.error(at, 'append and append_action are both set')
    const action = option.append === false ? 'overwrite_or_add' : APPEND_ACTIONS[option.appendAction]
    if (action === undefined) findings.error(`${at}.append_action`, `${option.appendAction} is not known`)
    return { name, value, action: action ?? 'append', keepEmptyValue: option.keepEmptyValue }
  })
}

function removals(names: readonly string[], path: string, findings: Findings): string[] {
  return names.map((given, i) => {
    const name = given.toLowerCase()
    if (name === '') findings.error(`${path}[${i}]`, 'is empty')
    else if (isProtected(name)) findings.error(`${path}[${i}]`, `"${name}" may not be removed by a route`)
    return name
  })
}

/** Envoy: `:`-prefixed and host headers may not be modified. */
function isProtected(name: string): boolean {
  return name.startsWith(':') || name === 'host'
}

function latin1(bytes: Uint8Array | undefined): string {
  return bytes === undefined || bytes.length === 0 ? '' : Buffer.from(bytes).toString('latin1')
}

const RAW_BUFFER = 'envoy.transport_sockets.raw_buffer'
const RAW_BUFFER_TYPE = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
const NO_METADATA: Metadata = Object.freeze({})
const NO_MUTATIONS: HeaderMutations = Object.freeze({
  requestAdd: [],
  requestRemove: [],
  responseAdd: [],
  responseRemove: [],
})
/** By number in config.core.v3.HeaderValueOption.HeaderAppendAction. */
const APPEND_ACTIONS: readonly HeaderAddition['action'][] = [
  'append',
  'add_if_absent',
  'overwrite_or_add',
  'overwrite_if_exists',
]
