import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { client, echo, get, Recorder, upstream } from '../../../../test/fixtures/http-client.ts'

describe('connections', () => {
  it('of an endpoint that left close when its requests have ended, idle ones at once', async () => {
    const answer = Promise.withResolvers<void>()
    const leaving = await upstream((incoming, response) => {
      if (incoming.url === '/slow') void answer.promise.then(() => response.end('late'))
      else response.end('ok')
    })
    const staying = await upstream(echo)
    const { fetch, mesh, dispatcher } = client({ endpoints: [leaving.port] })
    await (await fetch('http://reviews/')).text()
    const slow = fetch('http://reviews/slow')
    while (leaving.requests < 2) await new Promise((resolve) => setImmediate(resolve))
    mesh.setEndpoints([staying.port])
    expect(await (await fetch('http://reviews/')).text()).toBe('GET / ')
    answer.resolve()
    expect(await (await slow).text()).toBe('late')
    while (leaving.openConnections > 0) await new Promise((resolve) => setImmediate(resolve))
    while (dispatcher.pools > 1) await new Promise((resolve) => setImmediate(resolve))
    expect(staying.openConnections).toBe(1)
  })

  it('close with the dispatcher, which takes no request any more', async () => {
    const server = await upstream(echo)
    const { fetch, dispatcher } = client({ endpoints: [server.port] })
    await (await fetch('http://reviews/')).text()
    await dispatcher.close()
    await expect(fetch('http://reviews/')).rejects.toMatchObject({ cause: { code: 'UND_ERR_CLOSED' } })
    while (server.openConnections > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  it('are made anew when the cluster changes what they are like, and kept otherwise', async () => {
    const server = await upstream(echo)
    const { fetch, mesh } = client({ endpoints: [server.port] })
    const ask = async (): Promise<void> => {
      await (await fetch('http://reviews/')).text()
      // undici gives a connection back one turn of the event loop after the response.
      await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await ask()
    mesh.cluster.update({ ...mesh.cluster.resource, healthyPanicThreshold: 10 })
    await ask()
    expect(server.connections).toBe(1)
    mesh.cluster.update({ ...mesh.cluster.resource, idleTimeoutMs: 1000 })
    await ask()
    expect(server.connections).toBe(2)
  })

  it('speak HTTP/2 from the first byte where the cluster says so, and share one connection', async () => {
    const server = http2.createServer()
    let sessions = 0
    server.on('session', () => sessions++)
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {})
      if (headers[':path'] === '/refuse') {
        stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
        return
      }
      void (async () => {
        let body = ''
        for await (const chunk of stream) body += String(chunk)
        stream.respond({ ':status': 200 }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(`${headers[':method']} ${headers[':authority']} ${body}`)
      })()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const { dispatcher, fetch, mesh } = client({ endpoints: [port], cluster: { protocol: 'http2' } })
    const handler = new Recorder()
    dispatcher.dispatch(get('/', { method: 'POST', body: ['a', 'b'] as never }), handler)
    await handler.done.promise
    expect(handler.body).toBe('POST reviews ab')
    expect(handler.trailers).toMatchObject({ 'grpc-status': '0' })
    const texts = await Promise.all(Array.from({ length: 10 }, async () => (await fetch('http://reviews/')).text()))
    expect(new Set(texts)).toEqual(new Set(['GET reviews ']))
    expect(sessions).toBe(1)
    const refused = await fetch('http://reviews/refuse')
    expect([refused.status, mesh.completed.at(-1)?.details]).toEqual([
      503,
      'upstream_reset_before_response_started{remote_refused_stream_reset}',
    ])
  })

  it('serve as many requests as the cluster says', async () => {
    const server = await upstream(echo)
    const { fetch } = client({ endpoints: [server.port], cluster: { maxRequestsPerConnection: 2 } })
    for (let i = 0; i < 4; i++) await (await fetch('http://reviews/')).text()
    expect(server.connections).toBe(2)
  })
})
