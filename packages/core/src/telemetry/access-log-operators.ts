// Envoy's command operators (docs: Access logging, "Command operators"): what stands between two percent signs in a log
// format, each as a function of a completed exchange.
import type { Exchange } from '../exchange/exchange.ts'
import { responseFlagsText } from '../exchange/response-flag.ts'
import type { Clock } from '../runtime/clock.ts'
import { grpcStatusOf, isGrpcContentType } from './grpc-status.ts'
import { TRACEPARENT } from './propagation/w3c.ts'

/** What an operator says of an exchange; null when there is nothing to say. Numbers stay numbers in a JSON log. */
export type Operator = (x: Exchange) => string | number | null

/** An operator, and whether its text is somebody else's to choose. */
export interface CompiledOperator {
  readonly read: Operator
  readonly untrusted: boolean
}

/** Finds the operator for what stands between the percent signs, such as `REQ(X-A?:PATH):20`; null when we have none. */
export function compileOperator(command: string, clock: Clock): CompiledOperator | null {
  const parsed = COMMAND.exec(command)
  if (parsed === null) return null
  const [, name, argument, length] = parsed as unknown as [string, string, string | undefined, string | undefined]
  const operator = argument === undefined ? withoutArgument(name, clock) : withArgument(name, argument)
  if (operator === null || length === undefined) return operator
  const limit = Number(length)
  return {
    untrusted: operator.untrusted,
    read: (x) => {
      const value = operator.read(x)
      return typeof value === 'string' && value.length > limit ? value.slice(0, limit) : value
    },
  }
}

function withoutArgument(name: string, clock: Clock): CompiledOperator | null {
  if (name === 'START_TIME') return { read: startTime(clock), untrusted: false }
  if (Object.hasOwn(UNTRUSTED, name)) return { read: UNTRUSTED[name] as Operator, untrusted: true }
  return Object.hasOwn(TRUSTED, name) ? { read: TRUSTED[name] as Operator, untrusted: false } : null
}

function withArgument(name: string, argument: string): CompiledOperator | null {
  const [first, second] = argument.toLowerCase().split('?')
  if (name === 'REQ') {
    const main = requestField(first ?? '')
    const other = second === undefined ? null : requestField(second)
    return { untrusted: true, read: (x) => main(x) ?? (other === null ? null : other(x)) }
  }
  if (name === 'RESP') {
    const main = responseField(first ?? '')
    const other = second === undefined ? null : responseField(second)
    return { untrusted: true, read: (x) => main(x) ?? (other === null ? null : other(x)) }
  }
  if (name === 'TRAILER' && first === 'grpc-status') return { untrusted: false, read: grpcStatus }
  if (name === 'GRPC_STATUS' && first === 'number') return { untrusted: false, read: grpcStatus }
  return null
}

function requestField(name: string): Operator {
  switch (name) {
    case ':method':
      return (x) => x.request.method
    case ':path':
      return (x) => x.request.path
    case ':authority':
    case 'host':
      return (x) => orNull(x.request.authority)
    case ':scheme':
      return (x) => x.request.scheme
    default:
      return (x) => x.request.headers.get(name)
  }
}

function responseField(name: string): Operator {
  if (name === ':status') return (x) => (x.response === null ? null : String(x.response.status))
  return (x) => (x.response === null ? null : x.response.headers.get(name))
}

/** ISO 8601 with milliseconds. The part down to the second is made once a second. */
function startTime(clock: Clock): Operator {
  let second = -1
  let text = ''
  return (x) => {
    const at = Math.floor(clock.wallTime() - (clock.now() - x.startedAt))
    const seconds = Math.floor(at / 1_000)
    if (seconds !== second) {
      second = seconds
      text = new Date(seconds * 1_000).toISOString().slice(0, -4)
    }
    return `${text}${String(at - seconds * 1_000).padStart(3, '0')}Z`
  }
}

function grpcStatus(x: Exchange): number | null {
  const type = x.request.headers.get('content-type')
  return type !== null && isGrpcContentType(type) ? grpcStatusOf(x) : null
}

function protocol(x: Exchange): string {
  if (x.connection !== null) return x.connection.alpn === 'h2' ? 'HTTP/2' : 'HTTP/1.1'
  const type = x.request.headers.get('content-type')
  return type !== null && isGrpcContentType(type) ? 'HTTP/2' : 'HTTP/1.1'
}

function traceId(x: Exchange): string | null {
  const traceparent = x.request.headers.get(TRACEPARENT)
  return traceparent === null || traceparent.length < 35 ? null : traceparent.slice(3, 35)
}

function milliseconds(from: number, to: number): number | null {
  return to === 0 ? null : Math.max(0, Math.floor(to - from))
}

function address(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function orNull(text: string): string | null {
  return text === '' ? null : text
}

const TRUSTED: Readonly<Record<string, Operator>> = {
  PROTOCOL: protocol,
  RESPONSE_CODE: (x) => (x.response === null ? 0 : x.response.status),
  RESPONSE_FLAGS: (x) => responseFlagsText(x.flags),
  // Nothing here ends a downstream connection for a reason that has a name.
  CONNECTION_TERMINATION_DETAILS: () => null,
  BYTES_RECEIVED: (x) => x.requestBodyBytes,
  BYTES_SENT: (x) => x.responseBodyBytes,
  DURATION: (x) => milliseconds(x.startedAt, x.completedAt),
  RESPONSE_DURATION: (x) => milliseconds(x.startedAt, x.respondedAt),
  UPSTREAM_HOST: (x) => (x.endpoint === null ? null : x.endpoint.key),
  UPSTREAM_CLUSTER: (x) => (x.cluster === null ? null : (orNull(x.cluster.resource.altStatName) ?? x.cluster.name)),
  UPSTREAM_CLUSTER_RAW: (x) => (x.cluster === null ? null : x.cluster.name),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (x) => x.attempts,
  // A pool's socket is the adapter's; which local port it has is not known here.
  UPSTREAM_LOCAL_ADDRESS: () => null,
  DOWNSTREAM_LOCAL_ADDRESS: (x) =>
    x.connection === null ? null : address(x.connection.localAddress, x.connection.localPort),
  DOWNSTREAM_REMOTE_ADDRESS: (x) =>
    x.connection === null ? null : address(x.connection.remoteAddress, x.connection.remotePort),
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (x) => (x.connection === null ? null : x.connection.remoteAddress),
  ROUTE_NAME: (x) => (x.route === null ? null : orNull(x.route.name)),
  GRPC_STATUS_NUMBER: grpcStatus,
}

const UNTRUSTED: Readonly<Record<string, Operator>> = {
  // Details may quote what a peer did.
  RESPONSE_CODE_DETAILS: (x) => x.details,
  UPSTREAM_TRANSPORT_FAILURE_REASON: (x) => x.upstreamFailure,
  REQUESTED_SERVER_NAME: (x) => (x.connection === null ? null : x.connection.serverName),
  DOWNSTREAM_PEER_URI_SAN: (x) => (x.connection === null ? null : x.connection.principal),
  TRACE_ID: traceId,
}

// NAME, NAME(argument), and :length after either.
const COMMAND = /^([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::(\d+))?$/
