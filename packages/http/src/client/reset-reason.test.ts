import { describe, expect, it } from 'vitest'
import { isCallersError, resetReason } from './reset-reason.ts'

const error = (code: string, message = code): Error => Object.assign(new Error(message), { code })

describe('why an attempt ended', () => {
  it.each([
    ['ECONNREFUSED', false, 'connection_failure'],
    ['ENOTFOUND', false, 'connection_failure'],
    ['EHOSTUNREACH', false, 'connection_failure'],
    ['UND_ERR_CONNECT_TIMEOUT', false, 'connection_timeout'],
    ['ETIMEDOUT', false, 'connection_timeout'],
    ['UND_ERR_SOCKET', true, 'connection_termination'],
    ['ECONNRESET', true, 'connection_termination'],
    ['EPIPE', true, 'connection_termination'],
    ['UND_ERR_RES_CONTENT_LENGTH_MISMATCH', true, 'connection_termination'],
    ['UND_ERR_HEADERS_OVERFLOW', true, 'protocol_error'],
  ] as const)('by %s (connected: %j) is %s', (code, connected, reason) => {
    expect(resetReason(error(code), connected)).toBe(reason)
  })

  it.each([
    ['Stream closed with error code NGHTTP2_REFUSED_STREAM', 'refused_stream'],
    ['Stream closed with error code NGHTTP2_CANCEL', 'remote_reset'],
  ])('by an HTTP/2 stream error "%s" is %s', (message, reason) => {
    expect(resetReason(error('ERR_HTTP2_STREAM_ERROR', message), true)).toBe(reason)
  })

  it("in undici's parser is a protocol error, with and without a code", () => {
    const parserError = Object.assign(new Error('Expected HTTP/'), { name: 'HTTPParserError' })
    expect(resetReason(parserError, true)).toBe('protocol_error')
    expect(resetReason(Object.assign(parserError, { code: 'HPE_INVALID_CONSTANT' }), true)).toBe('protocol_error')
  })

  it('without a code is by whether there was a connection', () => {
    expect(resetReason(new Error('odd'), false)).toBe('connection_failure')
    expect(resetReason(new Error('odd'), true)).toBe('connection_termination')
  })
})

describe("the caller's own error", () => {
  it.each([
    ['UND_ERR_INVALID_ARG', true],
    ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', true],
    ['UND_ERR_HEADERS_TIMEOUT', true],
    ['UND_ERR_SOCKET', false],
    ['ECONNREFUSED', false],
  ])('%s: %j', (code, expected) => {
    expect(isCallersError(error(code))).toBe(expected)
  })
})
