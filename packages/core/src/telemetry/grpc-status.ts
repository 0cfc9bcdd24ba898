// How telemetry learns whether a request is gRPC and how it ended: the grpc-status of the trailers, of the head where the
// answer has no body (trailers-only), or derived from the HTTP status (gRPC, doc/http-grpc-status-mapping.md).
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import { Slot } from '../exchange/slot.ts'

/** grpc-status of the response's trailers, kept for completion. Set for gRPC requests only. */
export const grpcStatusSlot: Slot<number> = new Slot()

/** What a grpc-status that is no known code counts as; Envoy prints it as -1. */
export const INVALID_GRPC_STATUS = -1

/** True for the value `application/grpc` of content-type, alone or followed by `+proto`, `;charset` and the like. */
export function isGrpcContentType(value: string): boolean {
  // `application/json` and the like are told by one character.
  if (value.charCodeAt(SUBTYPE_AT) !== SUBTYPE || !value.startsWith(GRPC)) return false
  if (value.length === GRPC.length) return true
  const next = value.charCodeAt(GRPC.length)
  return next === PLUS || next === SEMICOLON
}

/** Remembers the trailers' grpc-status, if they have one. */
export function noteTrailers(x: Exchange, trailers: HeaderMap): void {
  const text = trailers.get('grpc-status')
  if (text !== null) grpcStatusSlot.set(x, parseGrpcStatus(text))
}

/** The gRPC status of a completed gRPC request; null when no answer came at all. */
export function grpcStatusOf(x: Exchange): number | null {
  const noted = grpcStatusSlot.get(x)
  if (noted !== undefined) return noted
  if (x.response === null) return null
  const text = x.response.headers.get('grpc-status')
  return text === null ? grpcStatusOfHttp(x.response.status) : parseGrpcStatus(text)
}

/** The code in the text of a grpc-status field, INVALID_GRPC_STATUS when it is not 0 to 16. */
export function parseGrpcStatus(text: string): number {
  if (text.length === 0 || text.length > 2) return INVALID_GRPC_STATUS
  let code = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return INVALID_GRPC_STATUS
    code = code * 10 + digit
  }
  return code <= LAST_CODE ? code : INVALID_GRPC_STATUS
}

/** The status that stands for an HTTP status where there is no grpc-status. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return 13
    case 401:
      return 16
    case 403:
      return 7
    case 404:
      return 12
    case 429:
    case 502:
    case 503:
    case 504:
      return 14
    default:
      return 2
  }
}

const GRPC = 'application/grpc'
const SUBTYPE_AT: number = 'application/'.length
const SUBTYPE = 0x67
const PLUS = 0x2b
const SEMICOLON = 0x3b
const LAST_CODE = 16
