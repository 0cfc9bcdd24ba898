import { context, type ContextManager, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import { Exchange, type Side } from '../exchange/exchange.ts'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import { seededRandom } from '../runtime/random.ts'
import { parseTraceparent } from '../telemetry/propagation/w3c.ts'
import { noContext, type RequestContext, requestContextSlot } from '../telemetry/request-context.ts'
import { createTracingFilter, type TracingOptions } from './tracing.ts'

const TRACE = 'a'.repeat(32)
const given = `00-${TRACE}-${'b'.repeat(16)}-01`
const other = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-00`
const current: RequestContext = {
  trace: { traceId: TRACE, spanId: 'b'.repeat(16), flags: 1, state: 'x=1' },
  requestId: 'the-request',
}
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

function run(side: Side, headers: string[], options: Partial<TracingOptions> = {}): Exchange {
  const x = new Exchange(side, new RequestHead('GET', 'http', 'a', '/', new HeaderMap(headers)), null, 0, 0)
  const filter = createTracingFilter({
    side,
    random: seededRandom(1),
    carrier: noContext,
    randomSampling: 100,
    ...options,
  })
  expect(filter.onRequest?.(x)).toBeUndefined()
  filter.onComplete?.(x)
  return x
}

const traceparents = (x: Exchange): string[] => x.request.headers.getAll('traceparent')

describe('inbound', () => {
  test("continues the caller's trace and leaves its fields alone", () => {
    const x = run('inbound', ['traceparent', given, 'tracestate', 'v=1', 'x-request-id', 'r'])
    expect(requestContextSlot.get(x)).toEqual({
      trace: { traceId: TRACE, spanId: 'b'.repeat(16), flags: 1, state: 'v=1' },
      requestId: 'r',
    })
    expect(x.request.headers.flat).toEqual(['traceparent', given, 'tracestate', 'v=1', 'x-request-id', 'r'])
  })

  test.each([
    ['none', []],
    ['an invalid one', ['traceparent', 'x', 'tracestate', 'v=1']],
    ['several', ['traceparent', given, 'traceparent', other]],
  ])('starts a trace for a request with %s, and shows it to the application', (_, headers) => {
    const x = run('inbound', headers)
    const started = requestContextSlot.get(x)?.trace
    expect(started?.traceId).not.toBe(TRACE)
    expect(traceparents(x).map(parseTraceparent)).toEqual([started])
    expect(x.request.headers.has('tracestate')).toBe(false)
  })

  test('makes a request id where there is none, and gives it to the application', () => {
    const x = run('inbound', [])
    const id = requestContextSlot.get(x)?.requestId
    expect(id).toMatch(UUID)
    expect(x.request.headers.get('x-request-id')).toBe(id)
  })

  test.each([
    [0, 0],
    [100, 1],
  ])('at %i percent the flag of a started trace is %i', (randomSampling, flags) => {
    expect(requestContextSlot.get(run('inbound', [], { randomSampling }))?.trace.flags).toBe(flags)
  })

  test('samples 1 percent where tracing is not configured', () => {
    const filter = createTracingFilter({
      side: 'inbound',
      random: seededRandom(4),
      carrier: noContext,
      randomSampling: null,
    })
    let sampled = 0
    for (let i = 0; i < 10_000; i++) {
      const x = new Exchange('inbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 0, 0)
      void filter.onRequest?.(x)
      sampled += requestContextSlot.get(x)?.trace.flags ?? 0
    }
    expect(sampled).toBeGreaterThan(60)
    expect(sampled).toBeLessThan(150)
  })
})

describe('outbound', () => {
  const carrier = { current: () => current }

  test('sends a child of the current context and the current request id', () => {
    const x = run('outbound', [], { carrier })
    const [sent, ...more] = traceparents(x).map(parseTraceparent)
    expect(more).toEqual([])
    expect(sent).toMatchObject({ traceId: TRACE, flags: 1 })
    expect(sent?.spanId).not.toBe(current.trace.spanId)
    expect(x.request.headers.get('tracestate')).toBe('x=1')
    expect(x.request.headers.get('x-request-id')).toBe('the-request')
  })

  test('outside of a request starts a trace and makes a request id', () => {
    const x = run('outbound', [])
    expect(traceparents(x).map(parseTraceparent)).toEqual([expect.objectContaining({ flags: 1 })])
    expect(x.request.headers.get('x-request-id')).toMatch(UUID)
  })

  test('makes no request id when that is turned off, but passes the current one on', () => {
    expect(run('outbound', [], { generateRequestId: false }).request.headers.has('x-request-id')).toBe(false)
    const x = run('outbound', [], { generateRequestId: false, carrier })
    expect(x.request.headers.get('x-request-id')).toBe('the-request')
  })

  test.each<[string, string[], string[]]>([
    ['one', ['traceparent', other, 'tracestate', 'k=1'], [other]],
    ['several, the last of which stays', ['traceparent', given, 'traceparent', other], [other]],
    ['several, the last valid of which stays', ['traceparent', given, 'traceparent', 'x'], [given]],
  ])('keeps what the application set: %s', (_, headers, expected) => {
    expect(traceparents(run('outbound', headers, { carrier }))).toEqual(expected)
  })

  test('keeps the request id that the application set', () => {
    expect(run('outbound', ['x-request-id', 'mine'], { carrier }).request.headers.getAll('x-request-id')).toEqual([
      'mine',
    ])
  })

  test('replaces what is not valid, its tracestate too', () => {
    const x = run('outbound', ['traceparent', 'x', 'traceparent', 'y', 'tracestate', 'k=1'], { carrier })
    expect(traceparents(x).map(parseTraceparent)).toEqual([expect.objectContaining({ traceId: TRACE })])
    expect(x.request.headers.get('tracestate')).toBe('x=1')
  })

  test('a tracestate without a traceparent is dropped', () => {
    expect(run('outbound', ['tracestate', 'k=1']).request.headers.has('tracestate')).toBe(false)
  })
})

describe('in an application that runs OpenTelemetry', () => {
  afterEach(() => context.disable())

  const attributes: Record<string, unknown> = {}
  const span = Object.assign(
    Object.create(trace.wrapSpanContext({ traceId: 'e'.repeat(32), spanId: 'f'.repeat(16), traceFlags: 1 })) as Span,
    { isRecording: () => true, setAttributes: (given: object) => Object.assign(attributes, given) },
  )

  function activate(active: Span | null): void {
    const of = active === null ? ROOT_CONTEXT : trace.setSpan(ROOT_CONTEXT, active)
    const manager: ContextManager = {
      active: () => of,
      with: (_context, fn, thisArg, ...args) => fn.apply(thisArg, args),
      bind: (_context, target) => target,
      enable: () => manager,
      disable: () => manager,
    }
    context.setGlobalContextManager(manager)
  }

  test('the active span is the parent of an outbound call, before the current context', () => {
    activate(span)
    const x = run('outbound', [], { carrier: { current: () => current } })
    expect(traceparents(x)).toEqual([`00-${'e'.repeat(32)}-${'f'.repeat(16)}-01`])
    expect(x.request.headers.get('x-request-id')).toBe('the-request')
  })

  test('what the call came to is set on that span', () => {
    activate(span)
    const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 0, 0)
    const filter = createTracingFilter({
      side: 'outbound',
      random: seededRandom(1),
      carrier: noContext,
      randomSampling: 0,
      spanAttributes: { 'istio.namespace': 'shop' },
    })
    void filter.onRequest?.(x)
    x.cluster = { name: 'c' } as Cluster
    x.endpoint = { key: '10.0.0.1:80' } as Endpoint
    x.attempts = 3
    x.flags = ResponseFlag.UpstreamRetryLimitExceeded
    filter.onComplete?.(x)
    expect(attributes).toEqual({
      'istio.namespace': 'shop',
      upstream_cluster: 'c',
      'peer.address': '10.0.0.1:80',
      response_flags: 'URX',
      'http.request.resend_count': 2,
    })
  })

  test('a header that an instrumentation has set stays the only one', () => {
    activate(span)
    expect(traceparents(run('outbound', ['traceparent', given]))).toEqual([given])
  })

  test('inbound, a span that is active is the context', () => {
    activate(span)
    expect(requestContextSlot.get(run('inbound', ['traceparent', given]))?.trace.traceId).toBe('e'.repeat(32))
  })

  test('inbound, no trace is started on behalf of the SDK, which would take its flag for a decision', () => {
    activate(null)
    const x = run('inbound', ['traceparent', 'x', 'tracestate', 'k=1'])
    expect(traceparents(x)).toEqual([])
    expect(x.request.headers.has('tracestate')).toBe(false)
    expect(requestContextSlot.get(x)?.trace.traceId).toMatch(/^[0-9a-f]{32}$/)
  })
})
