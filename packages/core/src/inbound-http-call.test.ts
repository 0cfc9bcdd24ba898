import { describe, expect, test } from 'vitest'
import type { Cluster } from './cluster/cluster.ts'
import type { Connection } from './exchange/connection.ts'
import type { Exchange } from './exchange/exchange.ts'
import { RequestHead, ResponseHead } from './exchange/head.ts'
import { HeaderMap } from './exchange/header-map.ts'
import type { HttpFilter } from './exchange/http-filter.ts'
import { HttpFilterChain } from './exchange/http-filter-chain.ts'
import { Reply } from './exchange/reply.ts'
import { ResponseFlag } from './exchange/response-flag.ts'
import { InboundHttpCall } from './inbound-http-call.ts'
import type { CompiledAction, CompiledRoute } from './route/route.ts'
import { silentLogger } from './runtime/log.ts'
import { seededRandom } from './runtime/random.ts'
import { FakeClock } from './testing/fake-clock.ts'

const denied = new Reply(403, 'denied', ResponseFlag.UnauthorizedExternalService, 'denied_by_test')

describe('an inbound call', () => {
  test('goes to the application, and its response through the response phase', () => {
    const { call, completed } = make({ filters: [stamping] })
    expect(call.begin()).toBe('continue')
    const head = new ResponseHead(200, new HeaderMap())
    call.onResponse(head)
    expect(head.headers.get('x-stamp')).toBe('1')
    call.onRequestBytes(3)
    call.onResponseBytes(4)
    call.onResponseBytes(5)
    call.onComplete('finished')
    expect(completed).toHaveLength(1)
    expect(completed[0]).toMatchObject({
      side: 'inbound',
      details: 'via_upstream',
      flags: 0,
      requestBodyBytes: 3,
      responseBodyBytes: 9,
    })
  })

  test('completes exactly once, whatever the adapter calls', () => {
    const { call, completed } = make({})
    void call.begin()
    call.onResponse(new ResponseHead(200, new HeaderMap()))
    call.onComplete('finished')
    call.onComplete('aborted')
    call.onComplete('finished')
    expect(completed).toHaveLength(1)
    expect(completed[0]?.flags).toBe(0)
  })

  test('is answered by a filter’s reply, which passes through the whole response phase', () => {
    const { call, completed } = make({ filters: [stamping, refusing(denied)] })
    const answer = call.begin()
    if (answer === 'continue' || answer instanceof Promise) throw new Error('expected a reply')
    expect(answer.reply).toBe(denied)
    expect(answer.head.status).toBe(403)
    expect(answer.head.headers.get('x-stamp')).toBe('1')
    call.onComplete('finished')
    expect(completed[0]).toMatchObject({ details: 'denied_by_test', flags: ResponseFlag.UnauthorizedExternalService })
  })

  test('waits for a filter that waits', async () => {
    const waiting: HttpFilter = { name: 'waiting', onRequest: () => Promise.resolve(undefined) }
    const { call } = make({ filters: [waiting] })
    const answer = call.begin()
    expect(answer).toBeInstanceOf(Promise)
    expect(await answer).toBe('continue')
  })

  test('without a route is answered with 404 and NR', () => {
    const { call } = make({ action: null })
    const answer = call.begin()
    expect(answer).toMatchObject({ head: { status: 404 }, reply: { details: 'route_not_found' } })
    expect(call.exchange.flags).toBe(ResponseFlag.NoRouteFound)
  })

  test('is answered by a route that replies', () => {
    const { call } = make({ action: { kind: 'reply', reply: () => denied } })
    expect(call.begin()).toMatchObject({ reply: denied })
  })

  test('through a route that forwards names the inbound cluster and applies the header changes of the route', () => {
    const cluster = { name: 'inbound|8080||' } as Cluster
    const mutation = (value: string) => ({ apply: (headers: HeaderMap) => headers.append('x-order', value) })
    const { call } = make({
      cluster,
      action: {
        kind: 'forward',
        chooseCluster: () => ({
          cluster: cluster.name,
          requestMutation: (head) => head.headers.append('x-order', 'choice'),
          responseMutation: mutation('choice'),
        }),
        timeoutMs: 0,
        retryPolicy: null,
        requestMutation: (head) => head.headers.append('x-order', 'route'),
        responseMutation: mutation('route'),
      },
    })
    expect(call.begin()).toBe('continue')
    expect(call.exchange.cluster).toBe(cluster)
    expect(call.exchange.request.headers.getAll('x-order')).toEqual(['choice', 'route'])
    const head = new ResponseHead(200, new HeaderMap())
    call.onResponse(head)
    expect(head.headers.getAll('x-order')).toEqual(['choice', 'route'])
  })

  test('whose peer goes away completes with DC', () => {
    const { call, completed } = make({})
    void call.begin()
    call.onComplete('aborted')
    expect(completed[0]).toMatchObject({
      flags: ResponseFlag.DownstreamConnectionTermination,
      details: 'downstream_remote_disconnect',
      response: null,
    })
  })

  test('is not hurt by a filter or a listener of completions that throws', () => {
    const faulty: HttpFilter = {
      name: 'faulty',
      onRequest() {
        throw new Error('request')
      },
      onResponse() {
        throw new Error('response')
      },
      onComplete() {
        throw new Error('complete')
      },
    }
    const { call } = make({ filters: [faulty], failing: true })
    expect(call.begin()).toBe('continue')
    call.onResponse(new ResponseHead(200, new HeaderMap()))
    expect(() => call.onComplete('finished')).not.toThrow()
  })
})

const stamping: HttpFilter = { name: 'stamping', onResponse: (x) => x.response?.headers.append('x-stamp', '1') }

function refusing(reply: Reply): HttpFilter {
  return { name: 'refusing', onRequest: () => reply }
}

function make(options: {
  filters?: HttpFilter[]
  action?: CompiledAction | null
  cluster?: Cluster
  failing?: boolean
}) {
  const completed: Exchange[] = []
  const action: CompiledAction | null = options.action === undefined ? { kind: 'non_forwarding' } : options.action
  const route = action === null ? null : ({ name: 'r', action } as CompiledRoute)
  const call = new InboundHttpCall(
    {
      routes: { match: () => route },
      filters: new HttpFilterChain(options.filters ?? [], silentLogger),
      clusters: { find: () => options.cluster ?? null },
      clock: new FakeClock(),
      random: seededRandom(1),
      log: silentLogger,
      onComplete(x) {
        completed.push(x)
        if (options.failing === true) throw new Error('listener')
      },
    },
    new RequestHead('GET', 'http', 'reviews', '/', new HeaderMap()),
    {} as Connection,
  )
  return { call, completed }
}
