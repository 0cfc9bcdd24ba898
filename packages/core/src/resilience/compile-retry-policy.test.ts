import { describe, expect, test } from 'vitest'
import { ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { RetryPolicy as RetryPolicyResource } from '../resources/route-configuration.ts'
import { compileRetryPolicy } from './compile-retry-policy.ts'
import type { ResetReason } from './retry-policy.ts'

const policy = (retryOn: string, more: Partial<RetryPolicyResource> = {}) =>
  compileRetryPolicy({
    retryOn: retryOn === '' ? [] : retryOn.split(','),
    numRetries: 2,
    perTryTimeoutMs: null,
    retriableStatusCodes: [],
    retriableHeaders: [],
    backOff: { baseMs: 25, maxMs: 250 },
    previousHosts: false,
    hostSelectionMaxAttempts: 1,
    ...more,
  })

const head = (status: number, ...fields: string[]) => new ResponseHead(status, new HeaderMap(fields))

describe('responses', () => {
  test.each<[string, ResponseHead, boolean]>([
    ['5xx', head(500), true],
    ['5xx', head(503), true],
    ['5xx', head(599), true],
    ['5xx', head(499), false],
    ['5xx', head(200), false],
    ['gateway-error', head(502), true],
    ['gateway-error', head(503), true],
    ['gateway-error', head(504), true],
    ['gateway-error', head(500), false],
    ['gateway-error', head(505), false],
    ['retriable-4xx', head(409), true],
    ['retriable-4xx', head(404), false],
    ['connect-failure,refused-stream,reset', head(503), false],
    ['cancelled', head(200, 'grpc-status', '1'), true],
    ['deadline-exceeded', head(200, 'grpc-status', '4'), true],
    ['resource-exhausted', head(200, 'grpc-status', '8'), true],
    ['internal', head(200, 'grpc-status', '13'), true],
    ['unavailable', head(200, 'grpc-status', '14'), true],
    ['unavailable', head(200, 'grpc-status', '13'), false],
    ['unavailable', head(200, 'grpc-status', '0'), false],
    ['unavailable', head(503), false],
    ['no-such-token', head(503), false],
    ['', head(503), false],
    [' 5xx', head(503), true],
  ])('%s: %o is retried: %s', (tokens, response, expected) => {
    expect(policy(tokens).retriesResponse(response)).toBe(expected)
  })

  test('status codes count only with their token', () => {
    const codes = { retriableStatusCodes: [418, 503] }
    expect(policy('retriable-status-codes', codes).retriesResponse(head(418))).toBe(true)
    expect(policy('retriable-status-codes', codes).retriesResponse(head(503))).toBe(true)
    expect(policy('retriable-status-codes', codes).retriesResponse(head(500))).toBe(false)
    expect(policy('retriable-4xx', codes).retriesResponse(head(418))).toBe(false)
  })

  test('headers count only with their token', () => {
    const headers: Partial<RetryPolicyResource> = {
      retriableHeaders: [
        {
          name: 'x-again',
          match: { kind: 'string', string: { kind: 'exact', value: 'yes', ignoreCase: false } },
          invert: false,
          treatMissingAsEmpty: false,
        },
      ],
    }
    expect(policy('retriable-headers', headers).retriesResponse(head(200, 'x-again', 'yes'))).toBe(true)
    expect(policy('retriable-headers', headers).retriesResponse(head(200, 'x-again', 'no'))).toBe(false)
    expect(policy('5xx', headers).retriesResponse(head(200, 'x-again', 'yes'))).toBe(false)
  })

  test.each([
    ['5xx', 503, false],
    ['envoy-ratelimited', 503, true],
    ['envoy-ratelimited', 429, true],
    ['5xx,envoy-ratelimited', 200, true],
  ])('%s: a %i that carries x-envoy-ratelimited is retried: %s', (tokens, status, expected) => {
    expect(policy(tokens).retriesResponse(head(status, 'x-envoy-ratelimited', 'true'))).toBe(expected)
  })
})

describe('resets', () => {
  const all: ResetReason[] = [
    'connection_failure',
    'connection_timeout',
    'connection_termination',
    'remote_reset',
    'refused_stream',
    'per_try_timeout',
    'overflow',
    'protocol_error',
  ]
  const butOverflow = all.filter((reason) => reason !== 'overflow')

  test.each<[string, ResetReason[]]>([
    ['5xx', butOverflow],
    ['gateway-error', butOverflow],
    ['reset', butOverflow],
    ['connect-failure', ['connection_failure', 'connection_timeout']],
    ['refused-stream', ['refused_stream']],
    ['connect-failure,refused-stream', ['connection_failure', 'connection_timeout', 'refused_stream']],
    ['retriable-4xx', []],
    ['unavailable', []],
  ])('%s retries %o', (tokens, expected) => {
    expect(all.filter((reason) => policy(tokens).retriesReset(reason, true))).toEqual(expected)
  })

  test('reset-before-request retries while nothing has been sent', () => {
    expect(all.filter((reason) => policy('reset-before-request').retriesReset(reason, false))).toEqual(butOverflow)
    expect(all.filter((reason) => policy('reset-before-request').retriesReset(reason, true))).toEqual([])
  })
})

test('carries the numbers over; no timeout per try is 0', () => {
  expect(policy('5xx', { numRetries: 7, perTryTimeoutMs: 2000, previousHosts: true })).toMatchObject({
    numRetries: 7,
    perTryTimeoutMs: 2000,
    baseBackOffMs: 25,
    maxBackOffMs: 250,
    previousHosts: true,
    hostSelectionMaxAttempts: 1,
  })
  expect(policy('5xx').perTryTimeoutMs).toBe(0)
})
