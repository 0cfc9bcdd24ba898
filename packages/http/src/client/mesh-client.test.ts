// The client on a whole mesh: core with its xDS client, fed by a control plane on a socket.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CoreMesh, createCoreMesh, type Exchange, resolveOptions, silentLogger } from '@inmesh/core'
import { FakeControlPlane } from '@inmesh/core/testing'
import { afterEach, describe, expect, it } from 'vitest'
import {
  apiListener,
  edsCluster,
  type EncodedResource,
  loadAssignment,
  routeConfiguration,
  type RouteSpec,
} from '../../../core/src/testing/resource-builders.ts'
import { inTurn, unusedPort, Upstream } from '../../../../test/fixtures/upstream.ts'
import { AsyncRequestContext } from '../context/request-context.ts'
import { MeshDispatcher } from './dispatcher.ts'
import { createMeshFetch } from './fetch.ts'
import { GlobalDispatchers } from './undici-hook.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

type Listener = (request: IncomingMessage, response: ServerResponse) => void

async function upstream(listener: Listener): Promise<Upstream> {
  const started = await Upstream.start(listener)
  cleanups.push(() => started.close())
  return started
}

interface World {
  readonly plane: FakeControlPlane
  readonly mesh: CoreMesh
  readonly fetch: typeof fetch
  readonly dispatcher: MeshDispatcher
  readonly carrier: AsyncRequestContext
  readonly exchanges: Exchange[]
}

async function world(): Promise<World> {
  const plane = await FakeControlPlane.start()
  const carrier = new AsyncRequestContext()
  const options = resolveOptions({ xds: plane.address, testSeed: 1 }, {}, { hostName: 'test', addresses: [] })
  const mesh = createCoreMesh(options, { log: silentLogger, carrier })
  const exchanges: Exchange[] = []
  mesh.onExchange((x) => exchanges.push(x))
  const dispatcher = new MeshDispatcher(mesh, new GlobalDispatchers())
  cleanups.push(
    () => plane.close(),
    () => mesh.close(),
    () => dispatcher.destroy(),
  )
  return { plane, mesh, fetch: createMeshFetch(dispatcher), dispatcher, carrier, exchanges }
}

function set(plane: FakeControlPlane, ...resources: EncodedResource[]): void {
  for (const { typeUrl, name, value } of resources) plane.set(typeUrl, name, value)
}

/** Serves `http://reviews:9080` with these routes, and clusters by name with their ports. */
function serve(
  plane: FakeControlPlane,
  routes: readonly RouteSpec[],
  clusters: Record<string, readonly number[]>,
): void {
  set(plane, apiListener({ name: 'reviews:9080', rds: 'reviews' }))
  set(plane, routeConfiguration({ name: 'reviews', virtualHosts: [{ domains: ['*'], routes }] }))
  for (const [name, ports] of Object.entries(clusters)) set(plane, edsCluster({ name }), endpoints(name, ports))
}

function endpoints(cluster: string, ports: readonly number[]): EncodedResource {
  return loadAssignment({ cluster, endpoints: ports.map((port) => ({ address: '127.0.0.1', port })) })
}

const named =
  (name: string): Listener =>
  (request, response) => {
    request.resume()
    response.end(name)
  }

const URL = 'http://reviews:9080/reviews/0'

describe('fetch through a mesh that a control plane feeds', () => {
  it('waits for the first configuration and then splits by weight', async () => {
    const { plane, fetch } = await world()
    const [v1, v2] = [await upstream(named('v1')), await upstream(named('v2'))]
    serve(plane, [{ weighted: { v1: 90, v2: 10 } }], { v1: [v1.port], v2: [v2.port] })
    const counts: Record<string, number> = {}
    for (let i = 0; i < 400; i++) {
      const text = await (await fetch(URL)).text()
      counts[text] = (counts[text] ?? 0) + 1
    }
    // Binomial, n = 400, p = 0.1: 4.5 standard deviations are 27.
    expect(Math.abs((counts['v2'] ?? 0) - 40)).toBeLessThan(27)
    expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(400)
  })

  it('moves with a changed route and with changed endpoints, and no request fails', async () => {
    const { plane, fetch } = await world()
    const [v1, v2, v3] = [await upstream(named('v1')), await upstream(named('v2')), await upstream(named('v3'))]
    serve(plane, [{ cluster: 'v1' }], { v1: [v1.port], v2: [v2.port] })
    const seen: string[] = []
    const ask = async (): Promise<void> => {
      const answer = await fetch(URL)
      expect(answer.status).toBe(200)
      seen.push(await answer.text())
    }
    const until = async (name: string): Promise<void> => {
      do await ask()
      while (seen.at(-1) !== name)
    }
    await until('v1')
    serve(plane, [{ cluster: 'v2' }], {})
    await until('v2')
    set(plane, endpoints('v2', [v3.port]))
    await until('v3')
    while (v2.openConnections > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  it('retries as the route says, and tells the upstream which attempt it is', async () => {
    const { plane, fetch, exchanges } = await world()
    const seen: unknown[] = []
    const busy: Listener = (request, response) => {
      seen.push(request.headers['x-envoy-attempt-count'])
      response.writeHead(503).end()
    }
    const fine: Listener = (request, response) => {
      seen.push(request.headers['x-envoy-attempt-count'])
      response.end('v1')
    }
    const server = await upstream(inTurn(busy, busy, fine))
    const retry = { retryOn: '5xx,connect-failure', numRetries: 6, baseMs: 1, previousHosts: true }
    serve(plane, [{ cluster: 'v1', retry }], { v1: [server.port, await unusedPort()] })
    const answer = await fetch(URL, { method: 'POST', body: 'hello' })
    expect(await answer.text()).toBe('v1')
    expect(server.requests).toBe(3)
    expect(exchanges[0]?.attempts).toBeGreaterThanOrEqual(3)
  })

  it('answers by itself where the route says so, and where there is none', async () => {
    const { plane, fetch } = await world()
    serve(plane, [{ prefix: '/reviews', directResponse: { status: 418, body: 'teapot' } }], {})
    const answer = await fetch(URL)
    expect([answer.status, await answer.text()]).toEqual([418, 'teapot'])
    expect((await fetch('http://reviews:9080/elsewhere')).status).toBe(404)
  })

  it('carries trace and request id of the request that is being served', async () => {
    const { plane, fetch, carrier } = await world()
    const seen: IncomingMessage['headers'][] = []
    const server = await upstream((request, response) => {
      seen.push(request.headers)
      response.end()
    })
    serve(plane, [{ cluster: 'v1' }], { v1: [server.port] })
    await fetch(URL)
    expect(seen[0]).toMatchObject({ host: 'reviews:9080', traceparent: expect.stringMatching(/^00-/) })
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true, flags: 1, state: '' }
    const context = { trace: trace as never, requestId: 'id-1' }
    await carrier.run(context, () => fetch(URL))
    expect(seen[1]?.['x-request-id']).toBe('id-1')
    expect(seen[1]?.['traceparent']).toContain('a'.repeat(32))
  })

  it('counts requests in the standard metrics', async () => {
    const { plane, fetch, mesh } = await world()
    const server = await upstream(named('v1'))
    serve(plane, [{ cluster: 'v1' }], { v1: [server.port] })
    await (await fetch(URL)).text()
    expect(await mesh.metrics()).toMatch(
      /istio_requests_total\{[^}]*reporter="source"[^}]*response_code="200"[^}]*\} 1/,
    )
  })
})
