// Why an attempt ended without a response: undici's and the system's errors in Envoy's terms
// (StreamResetReason; %RESPONSE_FLAGS% UF, UC, UR, UPE follow from it).
import type { ResetReason } from '@inmesh/core'

/** The reason for an error. `connected` says that the request had a connection. */
export function resetReason(error: Error, connected: boolean): ResetReason {
  const code = errorCode(error)
  if (!connected) {
    return code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT' ? 'connection_timeout' : 'connection_failure'
  }
  switch (code) {
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
      return 'protocol_error'
    case 'ERR_HTTP2_STREAM_ERROR':
      return error.message.includes('REFUSED_STREAM') ? 'refused_stream' : 'remote_reset'
    default:
      // undici gives its parser's errors a code only sometimes.
      return error.name === 'HTTPParserError' ? 'protocol_error' : 'connection_termination'
  }
}

/**
 * Whether the error is the caller's own doing: a request that undici refuses to send, or a timeout that the caller asked
 * undici for. Such an error goes to the caller as it is and says nothing about the upstream.
 */
export function isCallersError(error: Error): boolean {
  return CALLERS.has(errorCode(error))
}

function errorCode(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code
  return typeof code === 'string' ? code : ''
}

const CALLERS: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])
