import { Reply } from '@inmesh/core'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../../core/src/testing/fake-clock.ts'
import { client, get, Recorder, upstream } from '../../../../test/fixtures/http-client.ts'

describe('a local reply', () => {
  const teapot = new Reply(418, 'short and stout', 0, 'test', ['x-pot', 'yes'])

  it.each([
    ['GET', 'short and stout'],
    ['HEAD', ''],
  ])('answers a %s in the place of an upstream, after dispatch has returned', async (method, body) => {
    const { dispatcher } = client({ endpoints: [], reply: teapot })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method }), handler)
    expect(handler.events).toEqual(['start'])
    await handler.done.promise
    expect(handler.headers).toEqual({ 'x-pot': 'yes', 'content-type': 'text/plain', 'content-length': '15' })
    expect(handler.body).toBe(body)
    expect(handler.events[1]).toBe('head 418')
  })

  it('to a gRPC request is trailers only', async () => {
    const { dispatcher } = client({ endpoints: [], reply: teapot })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', headers: { 'content-type': 'application/grpc' } }), handler)
    await handler.done.promise
    expect(handler.events).toEqual(['start', 'head 200', 'end'])
    const fields = { 'content-type': 'application/grpc', 'grpc-status': '2', 'grpc-message': 'short and stout' }
    expect(handler.headers).toEqual({ ...fields, 'x-pot': 'yes' })
  })

  it('keeps its body back while it is paused', async () => {
    const { dispatcher } = client({ endpoints: [], reply: teapot })
    const handler = new Recorder()
    handler.onResponseStart = (controller) => {
      controller.pause()
      handler.head.resolve()
    }
    dispatcher.dispatch(get(), handler)
    await handler.head.promise
    expect(handler.events).toEqual(['start'])
    handler.controller?.resume()
    expect(handler.events).toEqual(['start', 'data', 'end'])
  })

  it('is not given to a request that was aborted meanwhile', async () => {
    const { dispatcher } = client({ endpoints: [], reply: teapot })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    handler.controller?.abort(new Error('enough'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(handler.events).toEqual(['start', 'error enough'])
  })

  it('of an upstream that takes too long ends the attempt', async () => {
    const clock = new FakeClock()
    const arrived = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const server = await upstream((incoming) => {
      incoming.socket.on('close', () => closed.resolve())
      arrived.resolve()
    })
    const { fetch } = client({ endpoints: [server.port], timeoutMs: 2000, clock })
    const answer = fetch('http://reviews/')
    await arrived.promise
    clock.advance(2000)
    expect((await answer).status).toBe(504)
    await closed.promise
  })

  it('cannot replace a response that has begun: the timeout is its error', async () => {
    const clock = new FakeClock()
    const server = await upstream((_, response) => void response.writeHead(200).write('first'))
    const { dispatcher } = client({ endpoints: [server.port], timeoutMs: 2000, clock })
    const handler = new Recorder()
    dispatcher.dispatch(get(), handler)
    await handler.head.promise
    clock.advance(2000)
    await handler.done.promise
    expect(handler.error).toMatchObject({ code: 'MESH_UPSTREAM_TIMEOUT' })
  })
})
