import { execFile } from 'node:child_process'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { request } from 'undici'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../core/src/testing/fake-clock.ts'
import {
  client,
  echo,
  get,
  type Listener,
  Recorder,
  reset,
  unavailable,
  upstream,
} from '../../../../test/fixtures/http-client.ts'
import { bodyOf, inTurn, unusedPort } from '../../../../test/fixtures/upstream.ts'
import type { DispatchOptions } from './undici.ts'

describe('a retried request', () => {
  const bodies: [string, () => unknown, boolean][] = [
    ['a string', () => 'hello', false],
    ['a Buffer', () => Buffer.from('hello'), false],
    ['a stream', () => Readable.from([Buffer.from('hel'), Buffer.from('lo')]), false],
    [
      'a generator',
      async function* generate() {
        yield 'hel'
        await Promise.resolve()
        yield 'lo'
      },
      false,
    ],
    ['a string by fetch', () => 'hello', true],
    ['a stream by fetch', () => new Blob(['hel', 'lo']).stream(), true],
  ]
  it.each(bodies)('sends %s again after a 503 and after a reset', async (_, body, byFetch) => {
    const server = await upstream(inTurn(unavailable, reset, echo))
    const { dispatcher, fetch, mesh } = client({ endpoints: [server.port], retryOn: '5xx,reset', numRetries: 3 })
    let text: string
    if (byFetch) {
      const init = { method: 'POST', body: body() as never, duplex: 'half' }
      text = await (await fetch('http://reviews/x', init as RequestInit)).text()
    } else {
      const answer = await request('http://reviews/x', { dispatcher, method: 'POST', body: body() as never })
      text = await answer.body.text()
    }
    expect(text).toBe('POST /x hello')
    const exchange = await mesh.completion(1)
    expect(exchange.attempts).toBe(3)
    expect(exchange.requestBodyBytes).toBe(5)
    expect(server.requests).toBe(3)
  })

  it('goes on to another endpoint when one refuses the connection', async () => {
    const server = await upstream(echo)
    const spec = { retryOn: 'connect-failure', numRetries: 2 }
    const { fetch, mesh } = client({ endpoints: [await unusedPort(), server.port], ...spec })
    for (let i = 0; i < 4; i++) {
      const answer = await fetch('http://reviews/', { method: 'POST', body: 'hello' })
      expect(await answer.text()).toBe('POST / hello')
    }
    expect(Math.max(...mesh.completed.map((x) => x.attempts))).toBe(2)
  })

  it('tells downstream of its start once, and of no response but the last', async () => {
    const server = await upstream(inTurn(unavailable, unavailable, echo))
    const { dispatcher } = client({ endpoints: [server.port], retryOn: '5xx', numRetries: 3 })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    await handler.done.promise
    expect(handler.events).toEqual(['start', 'head 200', 'data', 'end'])
  })

  it('reads an unwanted response to its end, so that the connection is kept', async () => {
    const server = await upstream(inTurn(unavailable, unavailable, unavailable, echo))
    const { fetch } = client({ endpoints: [server.port], retryOn: '5xx', numRetries: 3 })
    await (await fetch('http://reviews/')).text()
    expect(server.requests).toBe(4)
    expect(server.connections).toBe(1)
  })

  it('closes the connection of an unwanted response that is long', async () => {
    const closed = Promise.withResolvers<void>()
    const long: Listener = (_, response) => {
      response.on('close', () => closed.resolve())
      response.writeHead(503)
      const write = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16 * 1024)));
      }
      response.on('drain', write)
      write()
    }
    const server = await upstream(inTurn(long, echo))
    const { fetch } = client({ endpoints: [server.port], retryOn: '5xx' })
    expect((await fetch('http://reviews/')).status).toBe(200)
    await closed.promise
    expect(server.connections).toBe(2)
  })

  it('closes the connection of an unwanted response that does not end', async () => {
    const clock = new FakeClock()
    const closed = Promise.withResolvers<void>()
    const endless: Listener = (_, response) => {
      response.on('close', () => closed.resolve())
      response.writeHead(503).write('...')
    }
    const server = await upstream(endless)
    const { dispatcher } = client({ endpoints: [server.port], retryOn: '5xx', clock })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    // The back-off's timer and the draining's.
    while (clock.pendingTimers < 2) await new Promise((resolve) => setImmediate(resolve))
    clock.advance(1000)
    await closed.promise
    handler.controller?.abort(new Error('enough'))
  })

  it('keeps a process alive that has nothing but its next attempt to wait for, and lets it end then', async () => {
    const server = await upstream(inTurn(unavailable, unavailable, echo))
    const from = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href)
    const program = `
      import { ClientMesh } from ${from('../../../../test/fixtures/client-mesh.ts')}
      import { MeshDispatcher } from ${from('./dispatcher.ts')}
      import { createMeshFetch } from ${from('./fetch.ts')}
      const mesh = new ClientMesh({ endpoints: [${server.port}], retryOn: '5xx', numRetries: 3 })
      const dispatcher = new MeshDispatcher(mesh.asMesh(), { dispatch: () => false })
      createMeshFetch(dispatcher)('http://reviews/').then(async (answer) => console.log(await answer.text()))`
    const options = ['--conditions=inmesh-source', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    expect(stdout).toBe('GET / \n')
  })

  it('is not made with a body that is longer than what is kept', async () => {
    const server = await upstream((incoming, response) => {
      void bodyOf(incoming).then(() => response.writeHead(503).end('no'))
    })
    const { dispatcher, mesh } = client({ endpoints: [server.port], retryOn: '5xx', numRetries: 3 })
    const body = Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(64 * 1024)))
    const answer = await request('http://reviews/', { dispatcher, method: 'POST', body })
    expect(answer.statusCode).toBe(503)
    await answer.body.text()
    expect((await mesh.completion(1)).attempts).toBe(1)
  })
})

describe('a failure', () => {
  it.each<[string, Listener | null, string]>([
    ['a refused connection', null, 'connection failure'],
    ['a reset before the head', reset, 'connection termination'],
    ['nonsense in place of HTTP', (incoming) => void incoming.socket.end('SSH-2.0\r\n\r\n'), 'protocol error'],
  ])('by %s is a local reply as by Envoy', async (_, listener, reason) => {
    const port = listener === null ? await unusedPort() : (await upstream(listener)).port
    const { fetch } = client({ endpoints: [port] })
    const answer = await fetch('http://reviews/')
    expect(answer.status).toBe(reason === 'protocol error' ? 502 : 503)
    expect(answer.headers.get('content-type')).toBe('text/plain')
    expect(await answer.text()).toBe(
      `upstream connect error or disconnect/reset before headers. reset reason: ${reason}`,
    )
  })

  it("in the response's body is the error that undici makes of it", async () => {
    const server = await upstream((incoming, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('abc', () => incoming.socket.destroy())
    })
    const { dispatcher, mesh } = client({ endpoints: [server.port], retryOn: '5xx,reset' })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    await handler.done.promise
    expect(handler.events.slice(0, 3)).toEqual(['start', 'head 200', 'data'])
    expect(handler.error).toMatchObject({ code: 'UND_ERR_SOCKET' })
    expect((await mesh.completion(1)).attempts).toBe(1)
  })

  it("of the request's own body is the caller's, and is not tried again", async () => {
    const server = await upstream(echo)
    const { dispatcher, mesh } = client({ endpoints: [server.port], retryOn: '5xx,reset', numRetries: 3 })
    const failure = new Error('disk on fire')
    async function* body(): AsyncGenerator<string> {
      yield 'a'
      await Promise.resolve()
      throw failure
    }
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', body: body() as never }), handler)
    await handler.done.promise
    expect(handler.error).toBe(failure)
    expect((await mesh.completion(1)).attempts).toBe(1)
  })

  it.each<[string, Partial<DispatchOptions>]>([
    ['a header that cannot be sent', { headers: { 'transfer-encoding': 'chunked' } }],
    ['headers that are none', { headers: ['odd'] }],
    ['a path that is none', { path: 'no-slash' }],
  ])('of the caller (%s) is told as by undici', async (_, options) => {
    const server = await upstream(echo)
    const { dispatcher } = client({ endpoints: [server.port], retryOn: '5xx,reset,connect-failure' })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', options), handler)
    await handler.done.promise
    expect(handler.error).toMatchObject({ code: 'UND_ERR_INVALID_ARG' })
    expect(server.requests).toBe(0)
  })

  it("of the caller's handler ends the request with what it threw", async () => {
    const server = await upstream(echo)
    const { dispatcher } = client({ endpoints: [server.port], retryOn: 'reset' })
    const failure = new Error('in the handler')
    const handler = new Recorder()
    handler.onResponseData = () => {
      throw failure
    }
    dispatcher.dispatch(get(), handler)
    await handler.done.promise
    expect(handler.error).toBe(failure)
  })

  it.each([
    ['in a handler without methods', { onRequestStart() {} }, 'invalid onResponseError method'],
    ['in no handler', null, 'handler must be an object'],
  ])('of use, %s, is thrown', (_, handler, message) => {
    const { dispatcher } = client({ endpoints: [] })
    expect(() => dispatcher.dispatch(get(), handler as never)).toThrow(message)
  })
})
