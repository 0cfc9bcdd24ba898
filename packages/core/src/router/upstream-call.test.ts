import { describe, expect, test } from 'vitest'
import type { ResetReason } from '../resilience/retry-policy.ts'
import { answer, CallHarness, flagsOf, hostsOf, type HarnessOptions } from '../testing/call-harness.ts'
import { defaultOutlierDetection, defaultThresholds } from '../testing/decoded-resources.ts'

const IDLE = [0, 0, 0, 0]
const LONGEST_BACK_OFF = 250
const reset = new Error('socket hang up')

describe('resets before the response head', () => {
  test.each<[ResetReason, number, string, string]>([
    ['connection_failure', 503, 'UF', 'connection failure'],
    ['connection_timeout', 503, 'UF', 'connection timeout'],
    ['connection_termination', 503, 'UC', 'connection termination'],
    ['remote_reset', 503, 'UR', 'remote reset'],
    ['refused_stream', 503, 'UR', 'remote refused stream reset'],
    ['overflow', 503, 'UO', 'overflow'],
    ['protocol_error', 502, 'UPE', 'protocol error'],
  ])('%s is answered %i with %s', (reason, status, flags, words) => {
    const harness = new CallHarness()
    const { call, sink, x } = harness.begun()
    expect(call.onReset(sink.last, reason, reset)).toBe('discard')
    const [{ reply, head }] = sink.replies as [(typeof sink.replies)[0]]
    expect(head.status).toBe(status)
    expect(reply.body).toBe(`upstream connect error or disconnect/reset before headers. reset reason: ${words}`)
    expect(flagsOf(x)).toBe(flags)
    expect(x.details).toBe(`upstream_reset_before_response_started{${words.replaceAll(' ', '_')}}`)
    expect(x.upstreamFailure).toBe('socket hang up')
    expect(sink.cancelled).toEqual([])
    expect(harness.held).toEqual(IDLE)
    expect(harness.completed).toEqual([x])
  })

  test('the answer to a retried request says so', () => {
    const harness = new CallHarness({ retry: { retryOn: ['reset'] } })
    const { call, sink } = harness.begun()
    call.onReset(sink.last, 'remote_reset', reset)
    harness.clock.advance(LONGEST_BACK_OFF)
    call.onReset(sink.last, 'connection_failure', reset)
    expect(sink.replies[0]?.reply.body).toBe(
      'upstream connect error or disconnect/reset before headers. retried and the latest reset reason: connection failure',
    )
  })
})

describe('a reset after the response head', () => {
  test.each<[ResetReason, string, string]>([
    ['connection_termination', 'UC', 'upstream_reset_after_response_started{connection_termination}'],
    ['remote_reset', 'UR', 'upstream_reset_after_response_started{remote_reset}'],
    ['protocol_error', 'UPE', 'upstream_reset_after_response_started{protocol_error}'],
  ])('%s fails the response with %s and is never retried', (reason, flags, details) => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx', 'reset'] } })
    const { call, sink, x } = harness.begun()
    call.onResponse(sink.last, answer(200))
    expect(call.onReset(sink.last, reason, reset)).toBe('fail')
    expect(flagsOf(x)).toBe(flags)
    expect(x.details).toBe(details)
    expect(sink.replies).toEqual([])
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
    harness.clock.advance(1000)
    expect(sink.attempts).toHaveLength(1)
  })
})

describe('retries', () => {
  test('a response that the policy names is dropped and another attempt follows its back-off', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'] } })
    const { call, sink, x } = harness.begun()
    expect(call.onResponse(sink.last, answer(503))).toBe('retry')
    expect(sink.attempts).toHaveLength(1)
    expect(x.response).toBeNull()
    // The place of the request is free during the back-off, that of the retry is taken.
    expect(harness.held).toEqual([0, 0, 0, 1])
    harness.clock.advance(25)
    expect(sink.attempts.map((attempt) => attempt.number)).toEqual([1, 2])
    expect(harness.held).toEqual([1, 1, 0, 1])
    expect(call.onResponse(sink.last, answer(200))).toBe('deliver')
    expect(harness.held).toEqual([1, 1, 0, 0])
    call.onComplete(sink.last)
    expect(x).toMatchObject({ attempts: 2, flags: 0, details: 'via_upstream' })
    expect(harness.held).toEqual(IDLE)
  })

  test('a reset that the policy names is tried again', () => {
    const harness = new CallHarness({ retry: { retryOn: ['connect-failure'] } })
    const { call, sink } = harness.begun()
    expect(call.onReset(sink.last, 'connection_failure', reset)).toBe('retry')
    harness.clock.advance(25)
    expect(sink.attempts).toHaveLength(2)
  })

  test.each<[string, HarnessOptions]>([
    ['no policy', {}],
    ['a policy that does not name it', { retry: { retryOn: ['connect-failure'] } }],
  ])('%s delivers the response as it is, without a flag', (_, options) => {
    const { call, sink, x } = new CallHarness(options).begun()
    expect(call.onResponse(sink.last, answer(503))).toBe('deliver')
    expect(x.flags).toBe(0)
  })

  test.each([0, 1, 2, 3])('num_retries %i allows as many, then the response is delivered with URX', (numRetries) => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'], numRetries } })
    const { call, sink, x } = harness.begun()
    for (let i = 0; i < numRetries; i++) {
      expect(call.onResponse(sink.last, answer(503))).toBe('retry')
      harness.clock.advance(LONGEST_BACK_OFF)
    }
    expect(call.onResponse(sink.last, answer(503))).toBe('deliver')
    expect(flagsOf(x)).toBe('URX')
    expect(x.attempts).toBe(numRetries + 1)
    call.onComplete(sink.last)
    expect(harness.held).toEqual(IDLE)
  })

  test('after the last retry a reset is answered with its own flag and URX', () => {
    const harness = new CallHarness({ retry: { retryOn: ['reset'] } })
    const { call, sink, x } = harness.begun()
    call.onReset(sink.last, 'remote_reset', reset)
    harness.clock.advance(LONGEST_BACK_OFF)
    expect(call.onReset(sink.last, 'remote_reset', reset)).toBe('discard')
    expect(flagsOf(x)).toBe('UR,URX')
  })

  test('beyond max_retries the response is delivered with UO', () => {
    const harness = new CallHarness({
      retry: { retryOn: ['5xx'] },
      cluster: { circuitBreakers: { default: { ...defaultThresholds, maxRetries: 1 }, high: defaultThresholds } },
    })
    const first = harness.begun()
    const second = harness.begun()
    expect(first.call.onResponse(first.sink.last, answer(503))).toBe('retry')
    expect(second.call.onResponse(second.sink.last, answer(503))).toBe('deliver')
    expect(flagsOf(second.x)).toBe('UO')
  })

  test('a body that is lost is not sent again, and no flag says it would have been', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'] } })
    const { call, sink, x } = harness.begun()
    call.onBodyLost()
    expect(call.onResponse(sink.last, answer(503))).toBe('deliver')
    expect(x.flags).toBe(0)
  })

  test('a body that is lost during the back-off ends the request', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'] } })
    const { call, sink, x } = harness.begun()
    call.onResponse(sink.last, answer(503))
    call.onBodyLost()
    harness.clock.advance(LONGEST_BACK_OFF)
    expect(sink.replies[0]?.head.status).toBe(507)
    expect(x.details).toBe('request_payload_exceeded_retry_buffer_limit')
    expect(harness.held).toEqual(IDLE)
  })

  test('an overflow is not retried', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx', 'reset'] } })
    const { call, sink, x } = harness.begun()
    expect(call.onReset(sink.last, 'overflow', reset)).toBe('discard')
    expect(flagsOf(x)).toBe('UO')
  })

  test('a retry that finds no place is answered with an overflow', () => {
    const harness = new CallHarness({
      retry: { retryOn: ['5xx'] },
      cluster: {
        circuitBreakers: {
          default: { ...defaultThresholds, maxConnections: 1, maxPendingRequests: 0 },
          high: defaultThresholds,
        },
      },
    })
    const first = harness.begun()
    first.call.onResponse(first.sink.last, answer(503))
    const second = harness.begun()
    expect(second.sink.attempts).toHaveLength(1)
    harness.clock.advance(LONGEST_BACK_OFF)
    expect(flagsOf(first.x)).toBe('UO')
    expect(harness.held).toEqual([1, 1, 0, 0])
  })

  test('previous hosts are avoided where the policy asks for it', () => {
    const harness = new CallHarness({
      endpoints: ['10.0.0.1', '10.0.0.2', '10.0.0.3'],
      retry: { retryOn: ['5xx'], numRetries: 2, previousHosts: true, hostSelectionMaxAttempts: 50 },
      cluster: { loadBalancing: { kind: 'random' } },
    })
    for (let i = 0; i < 10; i++) {
      const { call, sink } = harness.begun()
      for (let retry = 0; retry < 2; retry++) {
        call.onResponse(sink.last, answer(503))
        harness.clock.advance(LONGEST_BACK_OFF)
      }
      expect(new Set(hostsOf(sink.attempts)).size).toBe(3)
      call.abort()
    }
  })

  test('a retry sees the endpoints of its own time', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'] }, endpoints: ['10.0.0.1'] })
    const { call, sink } = harness.begun()
    call.onResponse(sink.last, answer(503))
    const other = new CallHarness({ endpoints: ['10.0.0.9'] })
    Object.assign(harness.manager, { clusters: other.manager.clusters })
    harness.clock.advance(LONGEST_BACK_OFF)
    expect(hostsOf(sink.attempts)).toEqual(['10.0.0.1', '10.0.0.9'])
    call.onResponse(sink.last, answer(200))
    call.onComplete(sink.last)
    expect([harness.held, other.held]).toEqual([IDLE, IDLE])
  })
})

describe('timeouts', () => {
  test('the route timeout counts from the end of the request', () => {
    const harness = new CallHarness({ timeoutMs: 100 })
    const { call, sink, x } = harness.call()
    call.begin()
    harness.clock.advance(500)
    expect(sink.replies).toEqual([])
    call.onRequestComplete()
    call.onRequestComplete()
    expect(x.deadline).toBe(600)
    harness.clock.advance(99)
    expect(sink.replies).toEqual([])
    harness.clock.advance(1)
    expect(sink.replies[0]).toMatchObject({ reply: { body: 'upstream request timeout' }, head: { status: 504 } })
    expect(sink.cancelledIn).toEqual(['open'])
    expect(flagsOf(x)).toBe('UT')
    expect(x.details).toBe('upstream_response_timeout')
    expect(harness.held).toEqual(IDLE)
  })

  test('the route timeout is never retried', () => {
    const harness = new CallHarness({ timeoutMs: 100, retry: { retryOn: ['5xx', 'gateway-error', 'reset'] } })
    const { sink } = harness.begun()
    harness.clock.advance(2000)
    expect(sink.attempts).toHaveLength(1)
    expect(sink.replies).toHaveLength(1)
  })

  test('the route timeout covers retries and their back-off', () => {
    const harness = new CallHarness({
      timeoutMs: 100,
      retry: { retryOn: ['5xx'], backOff: { baseMs: 5000, maxMs: 5000 } },
    })
    const { call, sink, x } = harness.begun()
    harness.clock.advance(50)
    call.onResponse(sink.last, answer(503))
    harness.clock.advance(50)
    expect(flagsOf(x)).toBe('UT')
    harness.clock.advance(10_000)
    expect(sink.attempts).toHaveLength(1)
    expect(harness.held).toEqual(IDLE)
  })

  test('the route timeout covers the response body: it ends while it is under way', () => {
    const harness = new CallHarness({ timeoutMs: 100 })
    const { call, sink, x } = harness.begun()
    call.onResponse(sink.last, answer(200))
    harness.clock.advance(100)
    expect(sink.cancelledIn).toEqual(['responded'])
    expect(sink.replies).toEqual([])
    expect(flagsOf(x)).toBe('UT')
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
  })

  test('a response in time ends the timeout', () => {
    const harness = new CallHarness({ timeoutMs: 100 })
    const { call, sink, x } = harness.begun()
    call.onResponse(sink.last, answer(200))
    call.onComplete(sink.last)
    harness.clock.advance(1000)
    expect(x.flags).toBe(0)
    expect(harness.completed).toHaveLength(1)
  })

  test.each<[string[], number]>([
    [['5xx'], 2],
    [['gateway-error'], 2],
    [['reset'], 2],
    [['connect-failure', 'refused-stream'], 1],
  ])('a timeout per try with %o makes %i attempts', (retryOn, attempts) => {
    const harness = new CallHarness({ timeoutMs: 5000, retry: { retryOn, perTryTimeoutMs: 100 } })
    const { sink, x } = harness.begun()
    harness.clock.advance(100)
    expect(sink.cancelled).toHaveLength(1)
    harness.clock.advance(LONGEST_BACK_OFF + 100)
    expect(sink.attempts).toHaveLength(attempts)
    expect(sink.replies[0]?.head.status).toBe(504)
    expect(x.details).toBe('upstream_per_try_timeout')
    expect(harness.held).toEqual(IDLE)
  })

  test('a timeout per try counts for each attempt anew', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'], perTryTimeoutMs: 100 } })
    const { call, sink } = harness.begun()
    harness.clock.advance(90)
    call.onResponse(sink.last, answer(503))
    harness.clock.advance(25)
    const second = sink.last
    const left = second.startedAt + 100 - harness.clock.now()
    harness.clock.advance(left - 1)
    expect(sink.cancelled).toEqual([])
    harness.clock.advance(1)
    expect(sink.cancelled).toEqual([second])
  })

  test('a timeout per try ends with the response head', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'], perTryTimeoutMs: 100 } })
    const { call, sink } = harness.begun()
    call.onResponse(sink.last, answer(200))
    harness.clock.advance(1000)
    expect(sink.cancelled).toEqual([])
    expect(harness.completed).toEqual([])
  })

  test('a timeout per try waits for the end of the request', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'], numRetries: 0, perTryTimeoutMs: 100 } })
    const { call, sink } = harness.call()
    call.begin()
    harness.clock.advance(1000)
    expect(sink.cancelled).toEqual([])
    call.onRequestComplete()
    harness.clock.advance(100)
    expect(sink.cancelled).toHaveLength(1)
  })

  test('a timeout per try that is not below the route timeout is ignored', () => {
    const harness = new CallHarness({ timeoutMs: 100, retry: { retryOn: ['5xx'], perTryTimeoutMs: 100 } })
    const { sink, x } = harness.begun()
    harness.clock.advance(100)
    expect(x.details).toBe('upstream_response_timeout')
    expect(sink.attempts).toHaveLength(1)
  })

  test('an adapter that tells of the end it was asked for is not heard', () => {
    const harness = new CallHarness({ retry: { retryOn: ['reset'], perTryTimeoutMs: 100 } })
    const { call, sink } = harness.begun()
    const verdicts: string[] = []
    sink.onCancel = (attempt) => void verdicts.push(call.onReset(attempt, 'remote_reset', reset))
    harness.clock.advance(100)
    harness.clock.advance(25)
    expect(verdicts).toEqual(['discard'])
    expect(sink.attempts).toHaveLength(2)
    call.abort()
    expect(verdicts).toEqual(['discard', 'discard'])
    expect(harness.held).toEqual(IDLE)
  })
})

describe('outlier detection hears', () => {
  const cluster = {
    outlierDetection: { ...defaultOutlierDetection, consecutive5xx: 2, maxEjectionPercent: 100 },
    healthyPanicThreshold: 0,
  }

  function ejectedAfter(act: (harness: CallHarness) => void, options: HarnessOptions = {}): number {
    const harness = new CallHarness({ cluster, endpoints: ['10.0.0.1'], ...options })
    act(harness)
    return harness.cluster.describe().endpoints.filter((endpoint) => endpoint.ejected).length
  }

  test.each<[string, (harness: CallHarness) => void, HarnessOptions, number]>([
    [
      'each response',
      (harness) => {
        for (let i = 0; i < 2; i++) {
          const { call, sink } = harness.begun()
          call.onResponse(sink.last, answer(500))
        }
      },
      {},
      1,
    ],
    [
      'each retried response',
      (harness) => {
        const { call, sink } = harness.begun()
        call.onResponse(sink.last, answer(500))
        harness.clock.advance(LONGEST_BACK_OFF)
        call.onResponse(sink.last, answer(500))
      },
      { retry: { retryOn: ['5xx'] } },
      1,
    ],
    [
      'each reset, before and after the head',
      (harness) => {
        const first = harness.begun()
        first.call.onReset(first.sink.last, 'connection_failure', reset)
        const second = harness.begun()
        second.call.onReset(second.sink.last, 'remote_reset', reset)
      },
      {},
      1,
    ],
    [
      'each timeout',
      (harness) => {
        for (let i = 0; i < 2; i++) harness.begun()
        harness.clock.advance(100)
      },
      { timeoutMs: 100 },
      1,
    ],
    [
      'nothing of an overflow',
      (harness) => {
        for (let i = 0; i < 5; i++) {
          const { call, sink } = harness.begun()
          call.onReset(sink.last, 'overflow', reset)
        }
      },
      {},
      0,
    ],
    [
      'nothing of a caller that goes away',
      (harness) => {
        for (let i = 0; i < 5; i++) harness.begun().call.abort()
      },
      {},
      0,
    ],
    [
      'the gRPC status of a trailers-only response',
      (harness) => {
        for (let i = 0; i < 2; i++) {
          const { call, sink } = harness.begun('content-type', 'application/grpc')
          call.onResponse(sink.last, answer(200, 'grpc-status', '14'))
        }
      },
      {},
      1,
    ],
    [
      'no grpc-status of a request that is not gRPC',
      (harness) => {
        for (let i = 0; i < 2; i++) {
          const { call, sink } = harness.begun()
          call.onResponse(sink.last, answer(200, 'grpc-status', '14'))
        }
      },
      {},
      0,
    ],
  ])('%s', (_, act, options, expected) => {
    expect(ejectedAfter(act, options)).toBe(expected)
  })
})

test('a cluster that is not warm holds its requests until it is, or until their timeout', async () => {
  let warm: () => void = () => {}
  const harness = new CallHarness({ timeoutMs: 100 })
  const waiting = new Promise<void>((resolve) => (warm = resolve))
  harness.cluster.whenWarm = () => waiting
  const late = harness.begun()
  harness.clock.advance(100)
  expect(flagsOf(late.x)).toBe('UT')
  const { sink } = harness.begun()
  expect(sink.attempts).toEqual([])
  warm()
  await waiting
  await Promise.resolve()
  expect(sink.attempts).toHaveLength(1)
  expect(late.sink.attempts).toEqual([])
})
