import { describe, expect, it } from 'vitest'
import { client, echo, get, Recorder, upstream } from '../../../../test/fixtures/http-client.ts'

describe('an abort', () => {
  it('while the configuration is waited for ends the request and nothing is sent', async () => {
    const server = await upstream(echo)
    const { dispatcher, mesh } = client({ endpoints: [server.port] })
    mesh.notReady()
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    handler.controller?.abort(new Error('no patience'))
    mesh.arrive()
    await new Promise((resolve) => setImmediate(resolve))
    expect(handler.events).toEqual(['start', 'error no patience'])
    expect(server.requests).toBe(0)
  })

  it('in the request phase ends the request and nothing is sent', async () => {
    const server = await upstream(echo)
    const held = Promise.withResolvers<undefined>()
    const filters = [{ name: 'hold', onRequest: () => held.promise }]
    const { fetch, mesh } = client({ endpoints: [server.port], filters })
    const abort = new AbortController()
    const answer = fetch('http://reviews/', { signal: abort.signal })
    abort.abort()
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
    held.resolve(undefined)
    await new Promise((resolve) => setImmediate(resolve))
    expect(server.requests).toBe(0)
    expect((await mesh.completion(1)).details).toBe('downstream_remote_disconnect')
  })

  it('in onRequestStart ends the request before it begins', () => {
    const { dispatcher } = client({ endpoints: [] })
    const handler = new Recorder()
    handler.onRequestStart = (controller) => controller.abort(new Error('at once'))
    dispatcher.dispatch(get(), handler)
    expect(handler.events).toEqual(['error at once'])
  })

  it('while the upstream thinks closes its connection', async () => {
    const arrived = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const server = await upstream((incoming) => {
      incoming.socket.on('close', () => closed.resolve())
      arrived.resolve()
    })
    const { fetch, mesh } = client({ endpoints: [server.port], retryOn: 'reset', numRetries: 3 })
    const abort = new AbortController()
    const answer = fetch('http://reviews/', { signal: abort.signal })
    await arrived.promise
    abort.abort()
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
    await closed.promise
    expect((await mesh.completion(1)).attempts).toBe(1)
    expect(server.requests).toBe(1)
  })

  it('in the middle of the body closes the connection', async () => {
    const closed = Promise.withResolvers<void>()
    const server = await upstream((incoming, response) => {
      incoming.socket.on('close', () => closed.resolve())
      response.writeHead(200).write('first')
    })
    const { fetch, mesh } = client({ endpoints: [server.port] })
    const answer = await fetch('http://reviews/')
    const reader = answer.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    await closed.promise
    expect((await mesh.completion(1)).flags).not.toBe(0)
  })

  it('while the connection is being opened leaves nothing behind', async () => {
    const server = await upstream(echo)
    const { dispatcher } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    handler.controller?.abort(new Error('at once'))
    expect(handler.events).toEqual(['start', 'error at once'])
    const next = new Recorder()
    dispatcher.dispatch(get(), next)
    await next.done.promise
    expect(next.events).toEqual(['start', 'head 200', 'data', 'end'])
    expect(server.requests).toBe(1)
  })

  it('stops the source of the body', async () => {
    const stopped = Promise.withResolvers<void>()
    async function* body(): AsyncGenerator<string> {
      try {
        for (;;) {
          yield 'a'
          await new Promise((resolve) => setImmediate(resolve))
        }
      } finally {
        stopped.resolve()
      }
    }
    const arrived = Promise.withResolvers<void>()
    const server = await upstream(() => arrived.resolve())
    const { dispatcher } = client({ endpoints: [server.port] })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', body: body() as never }), handler)
    await arrived.promise
    handler.controller?.abort(new Error('enough'))
    await stopped.promise
  })
})
