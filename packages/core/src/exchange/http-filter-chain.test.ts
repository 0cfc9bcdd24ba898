import { describe, expect, test } from 'vitest'
import type { CompiledRoute } from '../route/route.ts'
import type { Logger } from '../runtime/log.ts'
import { Exchange } from './exchange.ts'
import { RequestHead } from './head.ts'
import { HeaderMap } from './header-map.ts'
import type { HttpFilter } from './http-filter.ts'
import { HttpFilterChain } from './http-filter-chain.ts'
import { Reply } from './reply.ts'

const denied = new Reply(403, 'denied', 0, 'test_denied')
const noRoutes = { match: () => null }

function exchange(): Exchange {
  return new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 0, 0.5)
}

function recorder(): { log: Logger; errors: string[] } {
  const errors: string[] = []
  return { errors, log: { debug() {}, info() {}, warn() {}, error: (message) => errors.push(message) } }
}

function noting(name: string, notes: string[], answers: Partial<HttpFilter> = {}): HttpFilter {
  return {
    name,
    onRequest: () => void notes.push(`${name} request`),
    onResponse: () => void notes.push(`${name} response`),
    onTrailers: () => void notes.push(`${name} trailers`),
    onComplete: () => void notes.push(`${name} complete`),
    ...answers,
  }
}

describe('HttpFilterChain', () => {
  test('runs requests and completion forwards, responses and trailers backwards', () => {
    const notes: string[] = []
    const chain = new HttpFilterChain([noting('a', notes), noting('b', notes), { name: 'empty' }], recorder().log)
    const x = exchange()
    expect(chain.onRequest(x, noRoutes)).toBeUndefined()
    chain.onResponse(x)
    chain.onTrailers(x, new HeaderMap())
    chain.onComplete(x)
    expect(notes).toEqual([
      'a request',
      'b request',
      'b response',
      'a response',
      'b trailers',
      'a trailers',
      'a complete',
      'b complete',
    ])
  })

  test('ends the request phase at the first reply', () => {
    const notes: string[] = []
    const chain = new HttpFilterChain(
      [noting('a', notes), noting('b', notes, { onRequest: () => denied }), noting('c', notes)],
      recorder().log,
    )
    expect(chain.onRequest(exchange(), noRoutes)).toBe(denied)
    expect(notes).toEqual(['a request'])
  })

  test('goes on synchronously until a filter waits, then in order behind it', async () => {
    const notes: string[] = []
    let finish: (reply: Reply | undefined) => void = () => {}
    const waiting = noting('b', notes, { onRequest: () => new Promise((resolve) => (finish = resolve)) })
    const chain = new HttpFilterChain([noting('a', notes), waiting, noting('c', notes)], recorder().log)
    const answer = chain.onRequest(exchange(), noRoutes)
    expect(answer).toBeInstanceOf(Promise)
    expect(notes).toEqual(['a request'])
    finish(undefined)
    expect(await answer).toBeUndefined()
    expect(notes).toEqual(['a request', 'c request'])
  })

  test('runs no further filter when the exchange completed while one waited', async () => {
    const notes: string[] = []
    const x = exchange()
    const waiting = noting('a', notes, { onRequest: async () => undefined })
    const chain = new HttpFilterChain([waiting, noting('b', notes)], recorder().log)
    const answer = chain.onRequest(x, noRoutes)
    x.completedAt = 1
    expect(await answer).toBeUndefined()
    expect(notes).toEqual([])
  })

  test.each(['synchronous', 'asynchronous'])('chooses the route again before the next filter: %s', async (kind) => {
    const chosen = { name: 'second' } as CompiledRoute
    const seen: (string | undefined)[] = []
    const clearing: HttpFilter = {
      name: 'clearing',
      onRequest(x) {
        x.clearRoute()
        return kind === 'synchronous' ? undefined : Promise.resolve(undefined)
      },
    }
    const reading: HttpFilter = { name: 'reading', onRequest: (x) => void seen.push(x.route?.name) }
    const chain = new HttpFilterChain([reading, clearing, reading], recorder().log)
    const x = exchange()
    await chain.onRequest(x, { match: () => chosen })
    expect(seen).toEqual([undefined, 'second'])
    expect(x.routeCleared).toBe(false)
    expect(x.route).toBe(chosen)
  })

  describe('a fault in a filter', () => {
    const boom = (): never => {
      throw new Error('boom')
    }

    test.each<[string, HttpFilter['onRequest'] & {}]>([
      ['thrown', boom],
      ['rejected', () => Promise.reject(new Error('boom'))],
    ])('lets the request pass when %s, and is logged', async (_, onRequest) => {
      const notes: string[] = []
      const { log, errors } = recorder()
      const chain = new HttpFilterChain([{ name: 'bad', onRequest }, noting('b', notes)], log)
      expect(await chain.onRequest(exchange(), noRoutes)).toBeUndefined()
      expect(notes).toEqual(['b request'])
      expect(errors).toEqual(['HTTP filter "bad" failed in onRequest'])
    })

    test.each<[string, HttpFilter['onRequest'] & {}]>([
      ['thrown', boom],
      ['rejected', () => Promise.reject(new Error('boom'))],
    ])('answers 500 when %s in a filter that fails closed', async (_, onRequest) => {
      const notes: string[] = []
      const chain = new HttpFilterChain(
        [{ name: 'guard', failClosed: true, onRequest }, noting('b', notes)],
        recorder().log,
      )
      expect(await chain.onRequest(exchange(), noRoutes)).toMatchObject({
        status: 500,
        details: 'mesh_internal_error',
      })
      expect(notes).toEqual([])
    })

    test('in a later phase does not keep the others from running', () => {
      const notes: string[] = []
      const { log, errors } = recorder()
      const bad: HttpFilter = { name: 'bad', onResponse: boom, onTrailers: boom, onComplete: boom }
      const chain = new HttpFilterChain([noting('a', notes), bad, noting('c', notes)], log)
      const x = exchange()
      chain.onResponse(x)
      chain.onTrailers(x, new HeaderMap())
      chain.onComplete(x)
      expect(notes).toEqual(['c response', 'a response', 'c trailers', 'a trailers', 'a complete', 'c complete'])
      expect(errors).toHaveLength(3)
    })
  })
})
