// The whole library on a real core, fed by a control plane on a socket.
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { FakeControlPlane } from '@inmesh/core/testing'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  apiListener,
  edsCluster,
  type EncodedResource,
  inboundListener,
  loadAssignment,
} from '../../core/src/testing/resource-builders.ts'
import { createMesh, type HttpMesh } from './create-mesh.ts'

const LISTENER = 'type.googleapis.com/envoy.config.listener.v3.Listener'
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  vi.unstubAllEnvs()
})

async function start(): Promise<{ plane: FakeControlPlane; mesh: HttpMesh }> {
  const plane = await FakeControlPlane.start()
  cleanups.push(() => plane.close())
  const mesh = await createMesh({ xds: plane.address, workload: { ip: '127.0.0.1' }, testSeed: 1 })
  cleanups.push(() => mesh.close())
  return { plane, mesh }
}

const set = (plane: FakeControlPlane, ...resources: EncodedResource[]): void => {
  for (const { typeUrl, name, value } of resources) plane.set(typeUrl, name, value)
}

async function listen(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** A service `name:80` with one endpoint. */
function service(name: string, port: number): EncodedResource[] {
  return [
    apiListener({
      name: `${name}:80`,
      routes: { virtualHosts: [{ domains: ['*'], routes: [{ cluster: `outbound|80||${name}` }] }] },
    }),
    edsCluster({ name: `outbound|80||${name}` }),
    loadAssignment({ cluster: `outbound|80||${name}`, endpoints: [{ address: '127.0.0.1', port }] }),
  ]
}

describe('a mesh', () => {
  test('carries a request from fetch to a server, and trace and request id from the server’s to its own calls', async () => {
    const { plane, mesh } = await start()
    const seen: http.IncomingHttpHeaders[] = []
    const back = mesh.server(
      http.createServer((req, res) => {
        seen.push(req.headers)
        res.end('back')
      }),
    )
    const front = mesh.server(
      http.createServer((req, res) => {
        seen.push(req.headers)
        req.resume()
        // By events: node:http emits them outside of the request's own context.
        req.on('end', () => {
          void mesh.fetch('http://back/').then(async (response) => res.end(`front ${await response.text()}`))
        })
      }),
    )
    const ports = [await listen(back), await listen(front)] as const
    set(plane, ...service('back', ports[0]), ...service('front', ports[1]))
    for (const port of ports) set(plane, inboundListener({ address: '127.0.0.1', port, randomSampling: 100 }))
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const response = await mesh.fetch('http://front/', {
      method: 'POST',
      body: 'a body',
      headers: { traceparent: trace, 'x-request-id': 'the-request' },
    })
    expect(await response.text()).toBe('front back')
    expect(seen.map((headers) => headers['x-request-id'])).toEqual(['the-request', 'the-request'])
    expect(seen.map((headers) => headers['traceparent']?.slice(0, 36))).toEqual([
      trace.slice(0, 36),
      trace.slice(0, 36),
    ])
    // Peers tell each other who they are, and the application sees none of it.
    for (const headers of seen)
      expect(Object.keys(headers).filter((name) => name.startsWith('x-envoy-peer'))).toEqual([])
    expect([...response.headers.keys()].filter((name) => name.startsWith('x-envoy-peer'))).toEqual([])
    await mesh.ready()
    await vi.waitFor(async () => {
      const lines = (await mesh.core.metrics()).split('\n').filter((line) => line.startsWith('istio_requests_total{'))
      const counts = lines.map((line) => line.replace(/^.*reporter="(\w+)".* (\d+)$/, '$1 $2'))
      expect(counts.toSorted()).toEqual(['destination 2', 'source 1', 'source 1'])
    })
  })

  test('asks for the address a server listens on, and gives it up when the server closes', async () => {
    const { plane, mesh } = await start()
    const server = mesh.server(http.createServer())
    const name = `xds.istio.io/grpc/lds/inbound/127.0.0.1:${await listen(server)}`
    await plane.request((request) => request.typeUrl === LISTENER && request.subscribe.includes(name))
    server.close()
    await plane.request((request) => request.typeUrl === LISTENER && request.unsubscribe.includes(name))
  })

  test('drains: the address is given up and the server still answers', async () => {
    const { plane, mesh } = await start()
    const port = await listen(mesh.server(http.createServer((_req, res) => res.end('still here'))))
    set(plane, inboundListener({ address: '127.0.0.1', port }))
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('still here')
    const drained = mesh.drain({ noticeMs: 50 })
    const response = await fetch(`http://127.0.0.1:${port}/`)
    expect(response.headers.get('connection')).toBe('close')
    expect(await response.text()).toBe('still here')
    await drained
    await plane.request((request) => request.unsubscribe.some((name) => name.endsWith(`:${port}`)))
  })

  test('is one per process', async () => {
    const { mesh } = await start()
    expect(await createMesh()).toBe(mesh)
    await mesh.close()
    const { mesh: next } = await start()
    expect(next).not.toBe(mesh)
  })

  test('is refused for an option that cannot be used, and may be made afterwards', async () => {
    await expect(createMesh({ xds: 'nonsense' })).rejects.toThrow('unix:///path or host:port')
    const { mesh } = await start()
    expect(await createMesh()).toBe(mesh)
  })

  test('with INMESH_DISABLED passes everything through', async () => {
    vi.stubEnv('INMESH_DISABLED', '1')
    const mesh = await createMesh()
    cleanups.push(() => mesh.close())
    const server = http.createServer((_req, res) => res.end('plain'))
    expect(mesh.server(server)).toBe(server)
    expect(Object.hasOwn(server, 'emit')).toBe(false)
    const port = await listen(server)
    expect(await (await mesh.fetch(`http://127.0.0.1:${port}/`)).text()).toBe('plain')
    await mesh.ready()
    await mesh.drain()
  })

  test('has an admin interface where it is asked for', async () => {
    const plane = await FakeControlPlane.start()
    cleanups.push(() => plane.close())
    const taken = http.createServer()
    const port = await listen(taken)
    taken.close()
    await once(taken, 'close')
    const mesh = await createMesh({ xds: plane.address, admin: `127.0.0.1:${port}` })
    cleanups.push(() => mesh.close())
    const get = (path: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
    await mesh.ready()
    expect(await (await get('/ready')).text()).toBe('LIVE\n')
    expect(await (await get('/config_dump')).json()).toMatchObject({ bootstrap: 'cache' })
    expect((await get('/stats/prometheus')).status).toBe(200)
  })
})
