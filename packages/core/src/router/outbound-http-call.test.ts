import { describe, expect, test } from 'vitest'
import { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { Reply } from '../exchange/reply.ts'
import type { Cluster } from '../resources/cluster.ts'
import { answer, CallHarness, flagsOf, type HarnessOptions } from '../testing/call-harness.ts'
import { defaultThresholds } from '../testing/decoded-resources.ts'

const IDLE = [0, 0, 0, 0]

function noting(notes: string[], name = 'filter'): HttpFilter {
  return {
    name,
    onRequest: () => void notes.push(`${name} request`),
    onResponse: (x) => void notes.push(`${name} response ${x.response?.status}`),
    onTrailers: () => void notes.push(`${name} trailers`),
    onComplete: () => void notes.push(`${name} complete`),
  }
}

function limited(limits: Partial<typeof defaultThresholds>): Partial<Cluster> {
  return { circuitBreakers: { default: { ...defaultThresholds, ...limits }, high: defaultThresholds } }
}

describe('a request that succeeds', () => {
  test('goes through route, filters, attempt, response and completion, each once', () => {
    const notes: string[] = []
    const harness = new CallHarness({ filters: [noting(notes, 'a'), noting(notes, 'b')] })
    const { call, sink, x } = harness.begun()
    expect(notes).toEqual(['a request', 'b request'])
    expect(sink.attempts).toHaveLength(1)
    expect(harness.held).toEqual([1, 1, 0, 0])
    harness.clock.advance(5)
    const head = answer(200)
    expect(call.onResponse(sink.last, head)).toBe('deliver')
    call.onResponseBytes(10)
    call.onTrailers(sink.last, new HeaderMap())
    expect(harness.completed).toEqual([])
    call.onComplete(sink.last)
    expect(harness.completed).toEqual([x])
    expect(notes.slice(2)).toEqual([
      'b response 200',
      'a response 200',
      'b trailers',
      'a trailers',
      'a complete',
      'b complete',
    ])
    expect(harness.held).toEqual(IDLE)
    expect(x).toMatchObject({
      attempts: 1,
      flags: 0,
      details: 'via_upstream',
      response: head,
      respondedAt: 5,
      responseBodyBytes: 10,
      cluster: harness.cluster,
    })
    expect(x.completedAt).toBe(5)
    expect(harness.errors).toEqual([])
  })

  test('leaves with the changes of split entry and route, made once', () => {
    const harness = new CallHarness({
      retry: { retryOn: ['5xx'] },
      choice: { requestMutation: (head) => head.headers.append('x-order', 'entry') },
      forward: { requestMutation: (head) => head.headers.append('x-order', 'route') },
    })
    const { call, sink } = harness.begun()
    call.onResponse(sink.last, answer(500))
    harness.clock.advance(1000)
    expect(sink.attempts).toHaveLength(2)
    expect(sink.last.head.headers.getAll('x-order')).toEqual(['entry', 'route'])
  })

  test('has its response changed by split entry, route and filters, in this order', () => {
    const append = (value: string) => ({ apply: (headers: HeaderMap) => headers.append('x-order', value) })
    const harness = new CallHarness({
      choice: { responseMutation: append('entry') },
      forward: { responseMutation: append('route') },
      filters: [{ name: 'f', onResponse: (x) => x.response?.headers.append('x-order', 'filter') }],
    })
    const { call, sink } = harness.begun()
    const head = answer(200)
    call.onResponse(sink.last, head)
    expect(head.headers.getAll('x-order')).toEqual(['entry', 'route', 'filter'])
  })

  test.each([
    [true, ['1', '2']],
    [false, [null, null]],
  ])('counts attempts in x-envoy-attempt-count when the virtual host says %s', (includeAttemptCount, expected) => {
    const harness = new CallHarness({ includeAttemptCount, retry: { retryOn: ['5xx'] } })
    const { call, sink } = harness.begun()
    const seen = [sink.last.head.headers.get('x-envoy-attempt-count')]
    call.onResponse(sink.last, answer(500))
    harness.clock.advance(1000)
    seen.push(sink.last.head.headers.get('x-envoy-attempt-count'))
    expect(seen).toEqual(expected)
  })

  test.each<[string, HarnessOptions, string | null]>([
    ['the route timeout', { timeoutMs: 5000 }, '5000'],
    ['the timeout per try', { timeoutMs: 5000, retry: { perTryTimeoutMs: 2000 } }, '2000'],
    ['the timeout per try where the route has none', { retry: { perTryTimeoutMs: 2000 } }, '2000'],
    [
      'the route timeout where the timeout per try is ignored',
      { timeoutMs: 1000, retry: { perTryTimeoutMs: 1000 } },
      '1000',
    ],
    ['nothing without timeouts', {}, null],
  ])('announces %s in x-envoy-expected-rq-timeout-ms', (_, options, expected) => {
    const { sink } = new CallHarness(options).begun()
    expect(sink.last.head.headers.get('x-envoy-expected-rq-timeout-ms')).toBe(expected)
  })

  test('announces what is left of the route timeout to a retry', () => {
    const harness = new CallHarness({ timeoutMs: 5000, retry: { retryOn: ['5xx'], perTryTimeoutMs: 3000 } })
    const { call, sink } = harness.begun()
    harness.clock.advance(2500)
    call.onResponse(sink.last, answer(500))
    harness.clock.advance(1000)
    const left = Number(sink.last.head.headers.get('x-envoy-expected-rq-timeout-ms'))
    expect(left).toBeLessThanOrEqual(2500)
    expect(left).toBeGreaterThan(2400)
  })

  test('begins once, whatever else is called', () => {
    const harness = new CallHarness()
    const { call, sink } = harness.begun()
    call.begin()
    expect(sink.attempts).toHaveLength(1)
  })

  test('goes where the caller wanted when the cluster is original_dst', () => {
    const harness = new CallHarness({ cluster: { discovery: { kind: 'original_dst' } }, endpoints: [] })
    const { sink } = harness.begun()
    expect(sink.last.endpoint.key).toBe('reviews:80')
    expect(harness.begun().sink.last.endpoint).toBe(sink.last.endpoint)
  })
})

describe('a local reply', () => {
  const forbidden = new Reply(403, 'no', 0, 'test_denied', ['x-why', 'test'])

  test.each<[string, HarnessOptions, { status: number; body: string; flags: string; details: string }]>([
    ['no route', { route: null }, { status: 404, body: '', flags: 'NR', details: 'route_not_found' }],
    [
      'a route that replies',
      { action: { kind: 'reply', reply: () => forbidden } },
      { status: 403, body: 'no', flags: '-', details: 'test_denied' },
    ],
    [
      'a route for servers',
      { action: { kind: 'non_forwarding' } },
      { status: 404, body: '', flags: 'NR', details: 'route_not_found' },
    ],
    ['no such cluster', { noCluster: true }, { status: 503, body: '', flags: 'NC', details: 'cluster_not_found' }],
    [
      'no cluster named',
      { forward: { chooseCluster: () => null } },
      { status: 503, body: '', flags: 'NC', details: 'cluster_not_found' },
    ],
    [
      'nobody healthy',
      { endpoints: [] },
      { status: 503, body: 'no healthy upstream', flags: 'UH', details: 'no_healthy_upstream' },
    ],
    [
      'no place under the circuit breaker',
      { cluster: limited({ maxRequests: 0 }) },
      {
        status: 503,
        body: 'upstream connect error or disconnect/reset before headers. reset reason: overflow',
        flags: 'UO',
        details: 'upstream_reset_before_response_started{overflow}',
      },
    ],
    [
      'a filter',
      { filters: [{ name: 'guard', onRequest: () => forbidden }] },
      { status: 403, body: 'no', flags: '-', details: 'test_denied' },
    ],
  ])('for %s', (_, options, expected) => {
    const notes: string[] = []
    const harness = new CallHarness({ ...options, filters: [noting(notes), ...(options.filters ?? [])] })
    const { sink, x } = harness.begun()
    expect(sink.attempts).toEqual([])
    expect(sink.replies).toHaveLength(1)
    const [{ reply, head }] = sink.replies as [(typeof sink.replies)[0]]
    expect({ status: head.status, body: reply.body, flags: flagsOf(x), details: x.details }).toEqual(expected)
    expect(x.response).toBe(head)
    expect(notes).toEqual(['filter request', `filter response ${expected.status}`, 'filter complete'])
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
  })

  test('carries its fields and its length', () => {
    const { sink } = new CallHarness({ action: { kind: 'reply', reply: () => forbidden } }).begun()
    const head = sink.replies[0]?.head
    expect([...(head?.headers ?? [])]).toEqual([
      ['x-why', 'test'],
      ['content-type', 'text/plain'],
      ['content-length', '2'],
    ])
  })

  test('carries x-envoy-overloaded for an overflow', () => {
    const { sink } = new CallHarness({ cluster: limited({ maxRequests: 0 }) }).begun()
    expect(sink.replies[0]?.head.headers.get('x-envoy-overloaded')).toBe('true')
  })

  test('is a trailers-only response for gRPC', () => {
    const { sink } = new CallHarness({ endpoints: [] }).begun('content-type', 'application/grpc')
    const head = sink.replies[0]?.head
    expect(head?.status).toBe(200)
    expect(head?.headers.get('grpc-status')).toBe('14')
    expect(head?.headers.get('grpc-message')).toBe('no healthy upstream')
  })
})

describe('filters that wait', () => {
  function waiting() {
    let finish: (reply?: Reply) => void = () => {}
    const filter: HttpFilter = {
      name: 'waiting',
      onRequest: () => new Promise<Reply | undefined>((resolve) => (finish = resolve)),
    }
    const settle = async (reply?: Reply) => {
      finish(reply)
      for (let i = 0; i < 10; i++) await Promise.resolve()
    }
    return { filter, settle }
  }

  test('the attempt starts when the last has let it pass', async () => {
    const { filter, settle } = waiting()
    const { sink } = new CallHarness({ filters: [filter] }).begun()
    expect(sink.attempts).toEqual([])
    await settle()
    expect(sink.attempts).toHaveLength(1)
  })

  test('the timeouts of a request that was complete before count from then on', async () => {
    const { filter, settle } = waiting()
    const harness = new CallHarness({ filters: [filter], timeoutMs: 100 })
    const { sink, x } = harness.begun()
    harness.clock.advance(500)
    await settle()
    harness.clock.advance(99)
    expect(sink.replies).toEqual([])
    harness.clock.advance(1)
    expect(x.details).toBe('upstream_response_timeout')
  })

  test('a reply of theirs is given', async () => {
    const { filter, settle } = waiting()
    const { sink } = new CallHarness({ filters: [filter] }).begun()
    await settle(new Reply(429, '', 0, 'limited'))
    expect(sink.replies[0]?.head.status).toBe(429)
  })

  test('a caller that goes away meanwhile gets no attempt', async () => {
    const { filter, settle } = waiting()
    const harness = new CallHarness({ filters: [filter] })
    const { call, sink, x } = harness.begun()
    call.abort()
    await settle()
    expect(sink.attempts).toEqual([])
    expect(sink.replies).toEqual([])
    expect(harness.completed).toEqual([x])
  })
})

describe('the circuit breaker', () => {
  test('a request waits for a place and starts when one comes free', () => {
    const harness = new CallHarness({ cluster: limited({ maxConnections: 1, maxPendingRequests: 1 }) })
    const first = harness.begun()
    const second = harness.begun()
    const third = harness.begun()
    expect(second.sink.attempts).toEqual([])
    expect(flagsOf(third.x)).toBe('UO')
    expect(harness.held).toEqual([1, 1, 1, 0])
    first.call.onResponse(first.sink.last, answer(200))
    expect(second.sink.attempts).toEqual([])
    first.call.onComplete(first.sink.last)
    expect(second.sink.attempts).toHaveLength(1)
    second.call.onResponse(second.sink.last, answer(200))
    second.call.onComplete(second.sink.last)
    expect(harness.held).toEqual(IDLE)
  })

  test('a request that waits runs into its timeout and leaves the queue', () => {
    const harness = new CallHarness({ cluster: limited({ maxConnections: 1 }), timeoutMs: 100 })
    const first = harness.call()
    first.call.begin()
    const { x, sink } = harness.begun()
    harness.clock.advance(100)
    expect(sink.replies[0]?.head.status).toBe(504)
    expect(flagsOf(x)).toBe('UT')
    expect(harness.held).toEqual([1, 1, 0, 0])
  })

  test('a request that waits leaves the queue when its caller goes away', () => {
    const harness = new CallHarness({ cluster: limited({ maxConnections: 1 }) })
    const first = harness.begun()
    const { call, sink } = harness.begun()
    call.abort()
    expect(harness.held).toEqual([1, 1, 0, 0])
    first.call.onReset(first.sink.last, 'remote_reset', new Error('reset'))
    expect(sink.attempts).toEqual([])
    expect(harness.held).toEqual(IDLE)
  })

  test('a request that waited finds no endpoint any more and gives its place back', () => {
    const harness = new CallHarness({ cluster: limited({ maxConnections: 1 }), endpoints: ['10.0.0.1'] })
    const first = harness.begun()
    const second = harness.begun()
    harness.cluster.setEndpoints({ ...emptyAssignment })
    first.call.onReset(first.sink.last, 'remote_reset', new Error('reset'))
    expect(flagsOf(second.x)).toBe('UH')
    expect(harness.cluster.circuitBreaker.active).toBe(0)
  })
})

describe('the caller goes away', () => {
  test('before begin: nothing happens but the completion', () => {
    const harness = new CallHarness()
    const { call, sink, x } = harness.call()
    call.abort()
    call.begin()
    expect(sink.attempts).toEqual([])
    expect(harness.completed).toEqual([x])
  })

  test.each(['during the attempt', 'during the response'])('%s: the attempt is cancelled and DC is set', (when) => {
    const harness = new CallHarness({ timeoutMs: 100 })
    const { call, sink, x } = harness.begun()
    if (when === 'during the response') call.onResponse(sink.last, answer(200))
    const attempt = sink.last
    call.abort()
    call.abort()
    expect(sink.cancelled).toEqual([attempt])
    expect(flagsOf(x)).toBe('DC')
    expect(x.details).toBe('downstream_remote_disconnect')
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
    harness.clock.advance(1000)
    expect(sink.replies).toEqual([])
  })

  test('during the back-off: no attempt follows', () => {
    const harness = new CallHarness({ retry: { retryOn: ['5xx'] } })
    const { call, sink } = harness.begun()
    expect(call.onResponse(sink.last, answer(503))).toBe('retry')
    call.abort()
    harness.clock.advance(1000)
    expect(sink.attempts).toHaveLength(1)
    expect(harness.held).toEqual(IDLE)
  })

  test('events of a cancelled attempt are dropped', () => {
    const harness = new CallHarness()
    const { call, sink } = harness.begun()
    const attempt = sink.last
    call.abort()
    expect(call.onResponse(attempt, answer(200))).toBe('discard')
    expect(call.onReset(attempt, 'remote_reset', new Error('reset'))).toBe('discard')
    call.onComplete(attempt)
    expect(harness.completed).toHaveLength(1)
    expect(harness.held).toEqual(IDLE)
  })
})

describe('a fault of ours', () => {
  const boom = (): never => {
    throw new Error('boom')
  }

  test.each<[string, HarnessOptions]>([
    ['in the choice of a cluster', { forward: { chooseCluster: boom } }],
    ['in a change of the request', { forward: { requestMutation: boom } }],
    ['in a route that replies', { action: { kind: 'reply', reply: boom } }],
  ])('%s is answered 500 and logged', (_, options) => {
    const harness = new CallHarness(options)
    const { sink, x } = harness.begun()
    expect(sink.replies[0]?.head.status).toBe(500)
    expect(x.details).toBe('mesh_internal_error')
    expect(harness.errors).toHaveLength(1)
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
  })

  test('in a change of the response is answered 500 and the attempt is cancelled', () => {
    const harness = new CallHarness({ forward: { responseMutation: { apply: boom } } })
    const { call, sink } = harness.begun()
    const attempt = sink.last
    expect(call.onResponse(attempt, answer(200))).toBe('discard')
    expect(sink.cancelled).toEqual([attempt])
    expect(sink.replies[0]?.head.status).toBe(500)
    expect(harness.held).toEqual(IDLE)
  })

  test('in the picker gives the place back', () => {
    const harness = new CallHarness()
    harness.cluster.picker = { pick: boom }
    expect(harness.begun().sink.replies[0]?.head.status).toBe(500)
    expect(harness.held).toEqual(IDLE)
  })

  test('in the completion does not reach the adapter', () => {
    const harness = new CallHarness()
    const { call, sink } = harness.begun()
    Object.assign(harness.manager, { onComplete: boom })
    call.onResponse(sink.last, answer(200))
    expect(() => call.onComplete(sink.last)).not.toThrow()
    expect(harness.errors).toHaveLength(1)
    expect(harness.held).toEqual(IDLE)
  })

  test('an adapter that throws at start gets a reply and loses nothing', () => {
    const harness = new CallHarness()
    const { call, sink, x } = harness.call()
    sink.onStart = boom
    expect(() => call.begin()).not.toThrow()
    expect(sink.replies[0]?.head.status).toBe(500)
    expect(harness.completed).toEqual([x])
    expect(harness.held).toEqual(IDLE)
  })
})

const emptyAssignment = {
  origin: { type: 'ClusterLoadAssignment', name: 'reviews', version: '2', config: null },
  clusterName: 'reviews',
  localities: [],
  overprovisioningFactor: 140,
  dropPerMillion: 0,
}
