// Whatever adapters, clocks and callers do, in whatever order: a call completes once, and nothing stays taken.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import type { ResetReason } from '../resilience/retry-policy.ts'
import { answer, CallHarness, type RecordingSink } from '../testing/call-harness.ts'
import { decodedAssignment, defaultOutlierDetection } from '../testing/decoded-resources.ts'
import type { OutboundHttpCall } from './outbound-http-call.ts'

type Event =
  | { readonly kind: 'begin' | 'requestComplete' | 'bodyLost' | 'complete' | 'trailers' | 'abort' | 'staleReset' }
  | { readonly kind: 'response'; readonly status: number }
  | { readonly kind: 'reset'; readonly reason: ResetReason }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'endpoints'; readonly hosts: readonly number[] }

const reasons: ResetReason[] = [
  'connection_failure',
  'connection_timeout',
  'connection_termination',
  'remote_reset',
  'refused_stream',
  'overflow',
  'protocol_error',
]

const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'begin' as const }) },
  {
    weight: 6,
    arbitrary: fc.constantFrom<Event>(
      { kind: 'requestComplete' },
      { kind: 'complete' },
      { kind: 'trailers' },
      { kind: 'staleReset' },
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom<Event>({ kind: 'bodyLost' }, { kind: 'abort' }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('response' as const), status: fc.constantFrom(200, 404, 500, 503) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('reset' as const), reason: fc.constantFrom(...reasons) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 30, 100, 300) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('endpoints' as const),
      hosts: fc.uniqueArray(fc.nat(3), { maxLength: 3 }),
    }),
  },
)

const scenario = fc.record({
  calls: fc.integer({ min: 1, max: 4 }),
  events: fc.array(fc.record({ call: fc.nat(3), event }), { maxLength: 60 }),
  failAtOnce: fc.boolean(),
  resetOnCancel: fc.boolean(),
  asyncFilter: fc.boolean(),
  timeoutMs: fc.constantFrom(0, 50, 400),
  perTryTimeoutMs: fc.constantFrom(null, 40),
  retryOn: fc.constantFrom<string[]>([], ['5xx'], ['connect-failure', 'refused-stream', 'reset']),
  numRetries: fc.nat(3),
  maxConnections: fc.constantFrom(1, 2, 100),
  maxPendingRequests: fc.constantFrom(0, 1, 100),
  maxRequests: fc.constantFrom(1, 100),
  maxRetries: fc.constantFrom(0, 1, 3),
})

function apply(harness: CallHarness, call: OutboundHttpCall, sink: RecordingSink, event: Event): void {
  const attempt = sink.attempts.at(-1)
  switch (event.kind) {
    case 'begin':
      return call.begin()
    case 'requestComplete':
      return call.onRequestComplete()
    case 'bodyLost':
      return call.onBodyLost()
    case 'abort':
      return call.abort()
    case 'advance':
      return harness.clock.advance(event.ms)
    case 'endpoints':
      return harness.cluster.setEndpoints(decodedAssignment(event.hosts.map((host) => ({ address: `10.0.0.${host}` }))))
  }
  if (attempt === undefined) return
  if (event.kind === 'response') call.onResponse(attempt, answer(event.status))
  else if (event.kind === 'reset') call.onReset(attempt, event.reason, new Error(event.reason))
  else if (event.kind === 'staleReset' && sink.attempts[0] !== undefined)
    call.onReset(sink.attempts[0], 'remote_reset', new Error('stale'))
  else if (event.kind === 'trailers') call.onTrailers(attempt, new HeaderMap())
  else if (event.kind === 'complete') call.onComplete(attempt)
}

test('any sequence of events ends in one completion per call and leaves nothing taken', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (s) => {
      const counted = new Map<unknown, string[]>()
      const counting: HttpFilter = {
        name: 'counting',
        onRequest: () => (s.asyncFilter ? Promise.resolve(undefined) : undefined),
        onResponse: (x) => void counted.get(x)?.push('response'),
        onComplete: (x) => void counted.get(x)?.push('complete'),
      }
      const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = s
      const thresholds = { maxConnections, maxPendingRequests, maxRequests, maxRetries }
      const harness = new CallHarness({
        filters: [counting],
        timeoutMs: s.timeoutMs,
        retry: {
          retryOn: s.retryOn,
          numRetries: s.numRetries,
          perTryTimeoutMs: s.perTryTimeoutMs,
          previousHosts: true,
        },
        cluster: {
          circuitBreakers: { default: thresholds, high: thresholds },
          outlierDetection: { ...defaultOutlierDetection, consecutive5xx: 2, maxEjectionPercent: 50 },
        },
      })
      const calls = Array.from({ length: s.calls }, () => harness.call())
      for (const { call, sink, x } of calls) {
        counted.set(x, [])
        if (s.failAtOnce)
          sink.onStart = (attempt) => void call.onReset(attempt, 'connection_failure', new Error('refused'))
        if (s.resetOnCancel)
          sink.onCancel = (attempt) => void call.onReset(attempt, 'remote_reset', new Error('cancelled'))
      }
      for (const { call: which, event } of s.events) {
        const made = calls[which % calls.length] as (typeof calls)[0]
        apply(harness, made.call, made.sink, event)
        if (s.asyncFilter) for (let i = 0; i < 5; i++) await Promise.resolve()
        const open = calls.flatMap(({ sink }) => sink.attempts).filter((attempt) => attempt.state !== 'done').length
        expect(harness.cluster.circuitBreaker.active).toBe(open)
        expect(open).toBeLessThanOrEqual(Math.min(maxConnections, maxRequests))
      }
      for (const { call } of calls) call.abort()
      harness.clock.advance(1_000_000)

      for (const { sink, x } of calls) {
        expect(counted.get(x)?.filter((phase) => phase === 'complete')).toHaveLength(1)
        expect(counted.get(x)?.filter((phase) => phase === 'response').length).toBeLessThanOrEqual(1)
        expect(harness.completed.filter((completed) => completed === x)).toHaveLength(1)
        expect(sink.replies.length).toBeLessThanOrEqual(1)
        expect(sink.attempts.length).toBe(x.attempts)
        expect(sink.attempts.every((attempt) => attempt.state === 'done')).toBe(true)
        for (const { endpoint } of sink.attempts) expect(endpoint.table.active[endpoint.index]).toBe(0)
      }
      expect(harness.held).toEqual([0, 0, 0, 0])
      expect(harness.clock.pendingTimers).toBe(0)
      expect(harness.errors).toEqual([])
    }),
    { numRuns: 500 },
  )
})
