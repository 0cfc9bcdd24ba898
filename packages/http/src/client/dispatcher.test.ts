import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { PASS_THROUGH, Reply } from '@inmesh/core'
import { type Dispatcher, request } from 'undici'
import { describe, expect, it } from 'vitest'
import {
  client,
  echo,
  get,
  IdleController,
  rawFields,
  Recorder,
  reset,
  unavailable,
  upstream,
} from '../../../../test/fixtures/http-client.ts'
import { inTurn } from '../../../../test/fixtures/upstream.ts'

describe('a request through the mesh', () => {
  it('reaches an endpoint of the service and brings its response back', async () => {
    const server = await upstream((request, response) => {
      response.writeHead(200, 'Fine', { 'x-host': request.headers.host, 'Set-Cookie': ['a=1', 'b=2'] }).end('hello')
    })
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    const answer = await request('http://reviews/reviews/0?a=b', { dispatcher })
    expect([answer.statusCode, answer.statusText, await answer.body.text()]).toEqual([200, 'Fine', 'hello'])
    expect(answer.headers).toMatchObject({ 'x-host': 'reviews', 'set-cookie': ['a=1', 'b=2'] })
    const exchange = await mesh.completion(1)
    expect(exchange.request).toMatchObject({ method: 'GET', authority: 'reviews', path: '/reviews/0?a=b' })
    expect(exchange.responseBodyBytes).toBe(5)
    expect(exchange.flags).toBe(0)
  })

  it('carries the Host header as its authority, and the query of the options in its path', async () => {
    const server = await upstream((request, response) => response.end(`${request.headers.host} ${request.url}`))
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get('/a', { headers: { Host: 'other:81' }, query: { b: 'c' } }), handler)
    await handler.done.promise
    expect(handler.body).toBe('other:81 /a?b=c')
    expect((await mesh.completion(1)).request).toMatchObject({ authority: 'other:81', path: '/a?b=c' })
  })

  it.each<[string, unknown, string]>([
    ['a string', 'body', 'body'],
    ['a Buffer', Buffer.from('body'), 'body'],
    ['a Uint8Array', new TextEncoder().encode('body'), 'body'],
    ['a Blob', new Blob(['body']), 'body'],
    ['an array', ['bo', 'dy'], 'body'],
    ['nothing', null, ''],
  ])('sends %s', async (_, body, expected) => {
    const server = await upstream(echo)
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', body: body as never }), handler)
    await handler.done.promise
    expect(handler.body).toBe(`POST / ${expected}`)
    expect((await mesh.completion(1)).requestBodyBytes).toBe(expected.length)
  })

  it('sends a stream that has ended already by its length', async () => {
    const server = await upstream((request, response) => {
      response.end(`${request.headers['content-length']} ${request.headers['transfer-encoding']}`)
    })
    const { dispatcher } = client({ endpoints: [server.port] })
    const body = new Readable({ read() {} })
    body.push('abc')
    body.push(null)
    body.read(0)
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', body }), handler)
    await handler.done.promise
    expect(handler.body).toBe('3 undefined')
  })

  it('reaches an endpoint on a unix socket', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'inmesh-')), 'up.sock')
    await upstream((request, response) => response.end(`over ${request.headers.host}`), path)
    const { fetch } = client({ endpoints: [path] })
    expect(await (await fetch('http://reviews/')).text()).toBe('over reviews')
  })

  it('passes early hints, then the response, and its trailers at the end', async () => {
    const server = await upstream((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('body')
      response.addTrailers({ 'x-sum': '42' })
      response.end()
    })
    const { dispatcher } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    await handler.done.promise
    expect(handler.events).toEqual(['start', 'head 103', 'head 200', 'data', 'end'])
    expect(handler.trailers).toEqual({ 'x-sum': '42' })
    expect(rawFields(handler.controller?.rawTrailers)).toEqual(['x-sum', '42'])
  })

  it.each([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
  ])('takes a %s with %i that has no body', async (method, status) => {
    const server = await upstream((_, response) => response.writeHead(status).end())
    const { dispatcher } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method }), handler)
    await handler.done.promise
    expect(handler.events).toEqual(['start', `head ${status}`, 'end'])
  })

  it("hands undici's own headers on unless a filter changed them, and then the changed ones in both forms", async () => {
    const server = await upstream((_, response) => response.writeHead(200, { 'X-A': '1', 'X-B': ['2', '3'] }).end())
    const stamp = {
      name: 'stamp',
      onResponse: (x: { response: { headers: { set(n: string, v: string): void } } | null }) =>
        x.response?.headers.set('x-a', 'changed'),
    }
    for (const filters of [[], [stamp as never]]) {
      const { dispatcher } = client({ endpoints: [server.port], filters })
      const handler = new Recorder()
      dispatcher.dispatch(get(), handler)
      await handler.done.promise
      const value = filters.length === 0 ? '1' : 'changed'
      expect(handler.headers).toMatchObject({ 'x-a': value, 'x-b': ['2', '3'] })
      const raw = rawFields(handler.controller?.rawHeaders)
      expect(raw[raw.findIndex((name) => name.toLowerCase() === 'x-a') + 1]).toBe(value)
    }
  })

  it('waits for no unread response: the server stops sending until it is read', async () => {
    let sent = 0
    const server = await upstream((_, response) => {
      const chunk = Buffer.alloc(64 * 1024)
      const write = (): void => {
        while (sent < 256 * 1024 * 1024 && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', write)
      write()
    })
    const { dispatcher } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    await handler.head.promise
    handler.controller?.pause()
    expect(handler.controller?.paused).toBe(true)
    let before = -1
    // Until the sockets' buffers are full.
    while (before !== sent) {
      before = sent
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(sent).toBeLessThan(64 * 1024 * 1024)
    const length = handler.body.length
    handler.controller?.resume()
    while (handler.body.length === length) await new Promise((resolve) => setImmediate(resolve))
    expect(handler.controller?.paused).toBe(false)
    handler.controller?.abort(new Error('enough'))
  })

  it('keeps its connection for the requests that follow', async () => {
    const server = await upstream(echo)
    const { fetch } = client({ endpoints: [server.port] })
    for (let i = 0; i < 10; i++) await (await fetch('http://reviews/')).text()
    // undici gives a connection back one turn of the event loop after the response: two take turns.
    expect(server.connections).toBeLessThanOrEqual(2)
  })
})

describe('a destination', () => {
  it("that the mesh does not know goes to the fallback with the caller's own handler", () => {
    const { dispatcher, passed } = client({ endpoints: [] })
    const options = get('/', { origin: 'http://example.com' })
    const handler = new Recorder()
    dispatcher.dispatch(options, handler)
    expect(passed).toEqual([options])
    expect(passed[0]).toBe(options)
    expect(handler.controller).toBeInstanceOf(IdleController)
  })

  it("with the application's own TLS goes to the fallback", () => {
    const { dispatcher, passed } = client({ endpoints: [] })
    dispatcher.dispatch(get('/', { origin: 'https://reviews' }), new Recorder())
    expect(passed.length).toBe(1)
  })

  it.each([
    ['the mesh knows', null, 'GET / '],
    ['the mesh does not know', PASS_THROUGH as typeof PASS_THROUGH, 'passed'],
    ['is refused', new Reply(503, 'not yet', 0, 'test'), 'not yet'],
  ])('whose configuration comes late %s', async (_, answer, body) => {
    const server = await upstream(echo)
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    mesh.notReady()
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    const { controller } = handler
    expect(handler.events).toEqual(['start'])
    mesh.arrive(answer as never)
    await handler.done.promise
    expect(handler.body).toBe(body)
    expect(handler.events.filter((event) => event === 'start')).toEqual(['start'])
    expect(handler.controller).toBe(controller)
  })
})

describe('an older handler', () => {
  it('is told in the words of undici 6', async () => {
    const server = await upstream((_, response) => response.writeHead(200, 'Fine', { 'x-a': '1' }).end('hello'))
    const { dispatcher } = client({ endpoints: [server.port] })
    const events: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      const handler = {
        onConnect: (abort: unknown) => events.push(['connect', typeof abort]),
        onHeaders: (status: number, raw: Buffer[], resume: unknown, text: string) =>
          events.push(['headers', status, String(raw[0]), typeof resume, text]),
        onData: (chunk: Buffer) => events.push(['data', String(chunk)]),
        onComplete: () => resolve(),
        onError: reject,
      }
      dispatcher.dispatch(get(), handler as never)
    })
    expect(events).toEqual([
      ['connect', 'function'],
      ['headers', 200, 'x-a', 'function', 'Fine'],
      ['data', 'hello'],
    ])
  })

  it('gets a local reply with raw headers', async () => {
    const { dispatcher } = client({ endpoints: [], reply: new Reply(418, 'stout', 0, 'test') })
    const raw = await new Promise<Buffer[]>((resolve) => {
      const handler = {
        onConnect() {},
        onHeaders: (_: number, headers: Buffer[]) => resolve(headers),
        onData() {},
        onComplete() {},
        onError() {},
      }
      dispatcher.dispatch(get(), handler as never)
    })
    expect(raw.map(String)).toEqual(['content-type', 'text/plain', 'content-length', '5'])
  })
})

describe('the async context of dispatch()', () => {
  it("is that of the handler's callbacks and of the body, for every request on a connection and every attempt", async () => {
    const als = new AsyncLocalStorage<string>()
    const server = await upstream(inTurn(echo, unavailable, reset, echo))
    const { dispatcher } = client({ endpoints: [server.port], retryOn: '5xx,reset', numRetries: 3 })
    for (const name of ['first', 'second']) {
      const seen = new Set<string | undefined>()
      const handler = new Recorder()
      const note = () => void seen.add(als.getStore())
      for (const method of ['onResponseStart', 'onResponseData', 'onResponseEnd'] as const) {
        const tell = handler[method].bind(handler) as (...args: unknown[]) => void
        handler[method] = (...args: unknown[]) => {
          note()
          tell(...args)
        }
      }
      async function* body(): AsyncGenerator<string> {
        note()
        yield 'a'
        await new Promise((resolve) => setImmediate(resolve))
        note()
        yield 'b'
      }
      als.run(name, () => dispatcher.dispatch(get('/', { method: 'POST', body: body() as never }), handler))
      await handler.done.promise
      expect(handler.body).toBe('POST / ab')
      expect([...seen]).toEqual([name])
    }
  })

  it('is that of the request phase, also of a request that waited for its configuration', async () => {
    const als = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const filters = [{ name: 'look', onRequest: () => void seen.push(als.getStore()) }]
    const server = await upstream(echo)
    const { dispatcher, mesh } = client({ endpoints: [server.port], filters })
    mesh.notReady()
    const handler = new Recorder()
    als.run('caller', () => dispatcher.dispatch(get(), handler))
    als.run('control plane', () => mesh.arrive())
    await handler.done.promise
    expect(seen).toEqual(['caller'])
  })
})

describe('an upgrade', () => {
  it('hands the connection over, and the call completes when it closes', async () => {
    const server = await upstream(echo)
    server.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
      socket.pipe(socket)
    })
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    const { socket, headers } = await dispatcher.upgrade({
      path: '/',
      protocol: 'echo',
      origin: 'http://reviews',
    } as Dispatcher.UpgradeOptions)
    expect(headers['upgrade']).toBe('echo')
    socket.write('ping')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(chunk.toString()).toBe('ping')
    expect(mesh.completed.length).toBe(0)
    socket.end()
    expect((await mesh.completion(1)).response?.status).toBe(101)
  })

  it('of a WebSocket passes', async () => {
    const server = await upstream(echo)
    const { createHash } = await import('node:crypto')
    server.server.on('upgrade', (incoming, socket) => {
      const accept = createHash('sha1')
        .update(`${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      )
      socket.write(Buffer.from([0x81, 2, 0x68, 0x69]))
    })
    const { dispatcher } = client({ endpoints: [server.port] })
    const socket = new WebSocket('ws://reviews/', { dispatcher } as never)
    const [message] = (await once(socket, 'message')) as [MessageEvent]
    expect(message.data).toBe('hi')
    socket.close()
  })
})
