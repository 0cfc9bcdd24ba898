import { afterEach, describe, expect, test } from 'vitest'
import { createCoreMesh } from './create-mesh.ts'
import { disabledMesh } from './disabled-mesh.ts'
import { meshNotReady } from './bootstrap-wait.ts'
import { RequestHead, ResponseHead } from './exchange/head.ts'
import { HeaderMap } from './exchange/header-map.ts'
import { Reply } from './exchange/reply.ts'
import type { Mesh } from './mesh.ts'
import { type MeshOptions, resolveOptions } from './options.ts'
import { NOT_READY, type Outbound, PASS_THROUGH } from './outbound.ts'
import { seededRandom } from './runtime/random.ts'
import { type Logger, silentLogger } from './runtime/log.ts'
import { FakeClock } from './testing/fake-clock.ts'
import { FakeControlPlane } from './testing/fake-control-plane.ts'
import type { RecordedRequest } from './testing/recorded-request.ts'
import {
  apiListener,
  edsCluster,
  type EncodedResource,
  encoded,
  inboundListener,
  loadAssignment,
  routeConfiguration,
} from './testing/resource-builders.ts'
import { ClusterSchema, Cluster_DiscoveryType, Cluster_LbPolicy } from './gen/envoy/config/cluster/v3/cluster_pb.ts'

const REVIEWS = { scheme: 'http', host: 'reviews', port: 9080 } as const
const LDS = 'type.googleapis.com/envoy.config.listener.v3.Listener'
const CDS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const EDS = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'

const cleanup: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of cleanup.splice(0).reverse()) await close()
})

describe.each(['delta', 'sotw'] as const)('over %s xDS', (xdsVariant) => {
  test('a weighted route splits requests as its weights say', async () => {
    const { plane, mesh } = await world({ xdsVariant })
    serveReviews(plane, { v1: 90, v2: 10 })
    const counts = await split(mesh, 2_000)
    // Binomial, n = 2,000, p = 0.1: 4.5 standard deviations are 60.
    expect(Math.abs((counts.get('v2') ?? 0) - 200)).toBeLessThan(60)
    expect(counts.get('v1')).toBe(2_000 - (counts.get('v2') ?? 0))
  })

  test('a change of weights moves the traffic', async () => {
    const { plane, mesh } = await world({ xdsVariant })
    serveReviews(plane, { v1: 100, v2: 0 })
    expect(await split(mesh, 100)).toEqual(new Map([['v1', 100]]))
    set(plane, reviewsRoutes({ v1: 0, v2: 100 }))
    await until(async () => (await split(mesh, 1)).has('v2'))
    expect(await split(mesh, 100)).toEqual(new Map([['v2', 100]]))
  })

  test('a route to a new subset takes effect only once its cluster and endpoints are there, and costs no request', async () => {
    const { plane, mesh } = await world({ xdsVariant })
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    set(plane, reviewsRoutes({ v3: 100 }))
    // The push leaves at the end of the turn; what is asked for because of it is not answered yet.
    await Promise.resolve()
    plane.pause()
    await plane.request((r) => r.typeUrl === CDS && asksFor(r, 'v3'))
    expect(await split(mesh, 20)).toEqual(new Map([['v1', 20]]))
    set(plane, ...cluster('v3'))
    plane.resume()
    plane.pause()
    await plane.request((r) => r.typeUrl === EDS && asksFor(r, 'v3'))
    expect(await split(mesh, 20)).toEqual(new Map([['v1', 20]]))
    plane.resume()
    await until(async () => {
      const [name] = (await split(mesh, 1)).keys()
      expect(name).toMatch(/^v[13]$/)
      return name === 'v3'
    })
  })

  test('what is held stays in force through a reconnect', async () => {
    const { plane, mesh, clock } = await world({ xdsVariant })
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    plane.pause()
    plane.dropStreams(14)
    await plane.until(() => plane.openStreams === 0)
    expect(await split(mesh, 20)).toEqual(new Map([['v1', 20]]))
    await until(() => {
      clock.advance(100)
      return Promise.resolve(plane.openStreams === 1)
    })
    clock.advance(60_000)
    expect(await split(mesh, 20)).toEqual(new Map([['v1', 20]]))
    plane.resume()
    set(plane, reviewsRoutes({ v2: 100 }), ...cluster('v2'))
    await until(async () => (await split(mesh, 1)).has('v2'))
  })

  test('a rejected update keeps the last good one', async () => {
    const { plane, mesh } = await world({ xdsVariant })
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    plane.set(LDS, 'reviews:9080', Uint8Array.of(0xff, 0xff))
    const nack = await plane.request((r) => r.error !== null)
    expect(nack.typeUrl).toBe(LDS)
    expect(await split(mesh, 20)).toEqual(new Map([['v1', 20]]))
    serveReviews(plane, { v2: 100 })
    await until(async () => (await split(mesh, 1)).has('v2'))
  })

  test('an unknown security filter is a NACK, and the listener before stays in force', async () => {
    const { plane, mesh } = await world({ xdsVariant })
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    const typeUrl = 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC'
    set(
      plane,
      apiListener({
        name: 'reviews:9080',
        rds: 'reviews',
        httpFilters: [{ name: 'rbac', config: { $typeName: 'google.protobuf.Any', typeUrl, value: new Uint8Array() } }],
      }),
    )
    const nack = await plane.request((r) => r.error !== null)
    expect(nack.error?.message).toContain('rbac')
    expect(await split(mesh, 5)).toEqual(new Map([['v1', 5]]))
  })
})

test('a slow cluster of one host holds no other host up', async () => {
  const slow = { scheme: 'http', host: 'slow', port: 80 } as const
  // State of the world: no answer for endpoints that are not there, so they are slow and not missing.
  const { plane, mesh } = await world({ xdsVariant: 'sotw' })
  serve(plane, 'slow:80', routeConfiguration({ name: 'slow', virtualHosts: [any('slow')] }))
  set(plane, edsCluster({ name: 'slow' }))
  serveReviews(plane, { v1: 100 })
  const waiting = mesh.whenOutbound(slow)
  await plane.request((r) => r.typeUrl === EDS && asksFor(r, 'slow'))
  expect(await split(mesh, 1)).toEqual(new Map([['v1', 1]]))
  expect(mesh.outbound(slow)).toBe(NOT_READY)
  set(plane, loadAssignment({ cluster: 'slow', endpoints: [{ address: '127.0.0.1', port: 1 }] }))
  expect(request((await waiting) as Outbound).cluster).toBe('slow')
})

describe('a host that the mesh does not know', () => {
  test('goes where it wanted to, when the agent answers with PassthroughCluster', async () => {
    const { plane, mesh } = await world()
    set(
      plane,
      apiListener({
        name: 'elsewhere.example:8080',
        routes: { virtualHosts: [{ ...any('PassthroughCluster'), name: 'allow_any' }] },
      }),
      encoded(ClusterSchema, 'PassthroughCluster', {
        name: 'PassthroughCluster',
        clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.ORIGINAL_DST },
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
      }),
    )
    const outbound = (await mesh.whenOutbound({
      scheme: 'http',
      host: 'elsewhere.example',
      port: 8080,
    })) as Outbound
    const outcome = request(outbound)
    expect(outcome.cluster).toBe('PassthroughCluster')
    expect(outcome.endpoint).toBe('elsewhere.example:8080')
    expect(await mesh.metrics()).toMatch(/istio_requests_total\{.*destination_service_name="PassthroughCluster"/)
  })

  test('is refused with 502, when the agent answers with block_all', async () => {
    const { plane, mesh } = await world()
    set(
      plane,
      apiListener({
        name: 'elsewhere.example:8080',
        routes: {
          virtualHosts: [
            {
              name: 'block_all',
              domains: ['*'],
              routes: [{ name: 'block_all', directResponse: { status: 502 } }],
            },
          ],
        },
      }),
    )
    const outbound = (await mesh.whenOutbound({
      scheme: 'http',
      host: 'elsewhere.example',
      port: 8080,
    })) as Outbound
    expect(request(outbound).status).toBe(502)
    expect(await mesh.metrics()).toMatch(/istio_requests_total\{.*destination_service_name="BlackHoleCluster"/)
  })

  test('passes through, when a foreign control plane says that there is no such listener', async () => {
    const { plane, mesh, clock } = await world({}, { waitMs: 60_000 })
    const answer = mesh.whenOutbound(REVIEWS)
    await plane.request((r) => r.typeUrl === LDS)
    await until(() => {
      clock.advance(15_000)
      return Promise.resolve(mesh.outbound(REVIEWS) !== NOT_READY)
    })
    expect(await answer).toBe(PASS_THROUGH)
  })

  test('of https passes through and is not asked for', async () => {
    const { plane, mesh } = await world()
    expect(mesh.outbound({ scheme: 'https', host: 'reviews', port: 443 })).toBe(PASS_THROUGH)
    expect(await mesh.whenOutbound({ scheme: 'https', host: 'reviews', port: 443 })).toBe(PASS_THROUGH)
    expect(plane.openStreams).toBe(0)
  })

  test('that is the control plane itself is never meshed', async () => {
    const { plane, mesh } = await world()
    const port = Number(plane.address.slice(plane.address.lastIndexOf(':') + 1))
    for (const host of ['127.0.0.1', 'localhost', '::1'])
      expect(mesh.outbound({ scheme: 'http', host, port })).toBe(PASS_THROUGH)
    expect(plane.openStreams).toBe(0)
  })
})

describe('without a control plane', () => {
  test.each([
    ['cache', PASS_THROUGH, meshNotReady],
    ['wait', meshNotReady, meshNotReady],
  ] as const)('bootstrap %s waits, then decides', async (bootstrap, outbound, inbound) => {
    const { mesh, clock } = await world({ bootstrap, xds: 'unix:///nowhere/there.sock' })
    const decided = Promise.all([mesh.whenOutbound(REVIEWS), mesh.whenInbound({ address: '0.0.0.0', port: 80 })])
    expect(mesh.outbound(REVIEWS)).toBe(NOT_READY)
    clock.advance(5_000)
    expect(await decided).toEqual([outbound, inbound])
    expect(await mesh.whenOutbound({ ...REVIEWS, host: 'another' })).toBe(outbound)
    expect(await mesh.whenInbound({ address: '0.0.0.0', port: 81 })).toBe(inbound)
  })

  test('bootstrap bypass passes at once', async () => {
    const { mesh } = await world({ bootstrap: 'bypass', xds: 'unix:///nowhere/there.sock' })
    expect(mesh.outbound(REVIEWS)).toBe(PASS_THROUGH)
    expect(mesh.inbound({ address: '0.0.0.0', port: 80 })).toBe(PASS_THROUGH)
  })

  test('the configuration is taken as soon as it comes, whatever was decided before', async () => {
    const { plane, mesh, clock } = await world({ bootstrap: 'cache' })
    plane.pause()
    const decided = mesh.whenOutbound(REVIEWS)
    clock.advance(5_000)
    expect(await decided).toBe(PASS_THROUGH)
    serveReviews(plane, { v1: 100 })
    plane.resume()
    await mesh.ready()
    await until(() => Promise.resolve(mesh.outbound(REVIEWS) !== PASS_THROUGH))
    expect(await split(mesh, 3)).toEqual(new Map([['v1', 3]]))
  })
})

describe('an address that this process listens on', () => {
  const HERE = { address: '0.0.0.0', port: 8080 }

  test('is asked for by Istio’s name, and its requests go to the application', async () => {
    const { plane, mesh } = await world()
    set(plane, inboundListener(HERE))
    const inbound = await mesh.whenInbound(HERE)
    if (inbound === PASS_THROUGH || inbound instanceof Reply) throw new Error('expected a listener')
    const call = inbound.accept(connection())?.call(head())
    expect(call?.begin()).toBe('continue')
    call?.onResponse(new ResponseHead(200, new HeaderMap()))
    call?.onComplete('finished')
    expect(await mesh.metrics()).toMatch(/istio_requests_total\{reporter="destination".*response_code="200"/)
  })

  test('is let go when the process no longer listens there', async () => {
    const { plane, mesh } = await world({ xdsVariant: 'delta' })
    set(plane, inboundListener(HERE))
    await mesh.whenInbound(HERE)
    mesh.releaseInbound(HERE)
    await plane.request((r) => r.unsubscribe.includes('xds.istio.io/grpc/lds/inbound/0.0.0.0:8080'))
  })

  test('whose only listener was rejected is refused after the wait, and a call to such a host passes', async () => {
    const { plane, mesh, clock } = await world()
    const listener = inboundListener(HERE)
    plane.set(LDS, listener.name, Uint8Array.of(0xff, 0xff))
    plane.set(LDS, 'reviews:9080', Uint8Array.of(0xff, 0xff))
    const decided = Promise.all([mesh.whenInbound(HERE), mesh.whenOutbound(REVIEWS)])
    await plane.request((r) => r.error !== null)
    expect(mesh.inbound(HERE)).toBe(NOT_READY)
    clock.advance(5_000)
    expect(await decided).toEqual([meshNotReady, PASS_THROUGH])
    set(plane, listener)
    await until(() => Promise.resolve(mesh.inbound(HERE) !== NOT_READY))
  })

  test('keeps its last listener when the control plane withdraws it', async () => {
    const { plane, mesh } = await world()
    const listener = inboundListener(HERE)
    set(plane, listener)
    const inbound = await mesh.whenInbound(HERE)
    plane.remove(listener.typeUrl, listener.name)
    set(plane, inboundListener({ ...HERE, port: 8081 }))
    await mesh.whenInbound({ ...HERE, port: 8081 })
    expect(mesh.inbound(HERE)).toBe(inbound)
  })
})

describe('a mesh', () => {
  test('asks nobody before the first look-up', async () => {
    const { plane, mesh } = await world()
    await mesh.ready()
    await mesh.metrics()
    expect(plane.openStreams).toBe(0)
    mesh.outbound(REVIEWS)
    await plane.request((r) => asksFor(r, 'reviews:9080'))
  })

  test('forgets a name that was not used for an hour', async () => {
    const { plane, mesh, clock } = await world({ xdsVariant: 'delta' })
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    for (let i = 0; i < 12; i++) clock.advance(300_000)
    expect(mesh.outbound(REVIEWS)).not.toBe(NOT_READY)
    for (let i = 0; i < 13; i++) clock.advance(300_000)
    await plane.request((r) => r.unsubscribe.includes('reviews:9080'))
    expect(mesh.outbound(REVIEWS)).toBe(NOT_READY)
  })

  test('tells of each completed exchange, and survives a listener that throws', async () => {
    const { plane, mesh } = await world()
    serveReviews(plane, { v1: 100 })
    const seen: (number | undefined)[] = []
    mesh.onExchange(() => {
      throw new Error('not ours')
    })
    const listening = mesh.onExchange((x) => seen.push(x.response?.status))
    await split(mesh, 2)
    listening.cancel()
    await split(mesh, 1)
    expect(seen).toEqual([200, 200])
  })

  test('dumps its configuration as JSON', async () => {
    const { plane, mesh } = await world()
    serveReviews(plane, { v1: 90, v2: 10 })
    await split(mesh, 1)
    const dump = JSON.parse(JSON.stringify(mesh.configDump()))
    expect(dump.outbound).toEqual([{ name: 'reviews:9080', state: 'configured' }])
    expect(dump.roots[0]).toMatchObject({ name: 'reviews:9080', state: 'ready', waiting_for: [] })
    expect(dump.clusters.map((c: { name: string }) => c.name)).toEqual(['v1', 'v2'])
    expect(dump.clusters[0].endpoints[0]).toMatchObject({ address: '127.0.0.1:9080', ejected: false, weight: 1 })
    expect(dump.xds.resources.map((r: { status: string }) => r.status)).toEqual(Array(6).fill('ACKED'))
  })

  test('passes calls through and refuses connections once it is closed', async () => {
    const { plane, mesh } = await world()
    serveReviews(plane, { v1: 100 })
    await split(mesh, 1)
    await mesh.close()
    expect(mesh.outbound(REVIEWS)).toBe(PASS_THROUGH)
    expect(await mesh.whenOutbound({ ...REVIEWS, host: 'another' })).toBe(PASS_THROUGH)
    expect(await mesh.whenInbound({ address: '0.0.0.0', port: 80 })).toBe(meshNotReady)
    await plane.until(() => plane.openStreams === 0)
  })

  test('that is disabled passes everything through', async () => {
    const mesh = disabledMesh()
    expect(mesh.outbound(REVIEWS)).toBe(PASS_THROUGH)
    expect(mesh.inbound({ address: '0.0.0.0', port: 80 })).toBe(PASS_THROUGH)
    expect(await mesh.whenOutbound(REVIEWS)).toBe(PASS_THROUGH)
    await mesh.close()
  })
})

async function world(options: MeshOptions = {}, over: Partial<ReturnType<typeof resolveOptions>> = {}) {
  const plane = await FakeControlPlane.start()
  const clock = new FakeClock()
  const log: Logger = silentLogger
  const resolved = resolveOptions({ xds: plane.address, ...options }, {}, { hostName: 'test', addresses: [] })
  const mesh = createCoreMesh({ ...resolved, ...over }, { clock, random: seededRandom(1), log })
  cleanup.push(() => plane.close())
  cleanup.push(() => mesh.close())
  return { plane, mesh, clock }
}

function set(plane: FakeControlPlane, ...resources: EncodedResource[]) {
  for (const { typeUrl, name, value } of resources) plane.set(typeUrl, name, value)
}

function serve(plane: FakeControlPlane, root: string, routes: EncodedResource) {
  set(plane, apiListener({ name: root, rds: routes.name }), routes)
}

function serveReviews(plane: FakeControlPlane, weights: Record<string, number>) {
  serve(plane, 'reviews:9080', reviewsRoutes(weights))
  for (const name of Object.keys(weights)) set(plane, ...cluster(name))
}

function reviewsRoutes(weighted: Record<string, number>): EncodedResource {
  return routeConfiguration({ name: 'reviews', virtualHosts: [{ domains: ['*'], routes: [{ weighted }] }] })
}

function any(cluster: string) {
  return { domains: ['*'], routes: [{ name: 'allow_any', cluster }] }
}

function cluster(name: string): EncodedResource[] {
  return [edsCluster({ name }), loadAssignment({ cluster: name, endpoints: [{ address: '127.0.0.1', port: 9080 }] })]
}

function asksFor(request: RecordedRequest, name: string): boolean {
  return request.names.includes(name) || request.subscribe.includes(name)
}

function head(): RequestHead {
  return new RequestHead('GET', 'http', 'reviews:9080', '/', new HeaderMap())
}

function connection() {
  return {
    remoteAddress: '127.0.0.1',
    remotePort: 40_000,
    localAddress: '127.0.0.1',
    localPort: 8080,
    mtls: false,
    principal: null,
    alpn: null,
    serverName: null,
  }
}

/** Requests by the cluster that they went to; a reply of the mesh counts under its details. */
async function split(mesh: Mesh, requests: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let i = 0; i < requests; i++) {
    const outbound = await mesh.whenOutbound(REVIEWS)
    if (outbound === PASS_THROUGH || outbound instanceof Reply) throw new Error('expected an outbound listener')
    const { cluster, details } = request(outbound)
    const key = cluster ?? details ?? 'none'
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}

/** One request whose upstream answers 200 at once. */
function request(outbound: Outbound) {
  let status = 0
  const call = outbound.call(head(), {
    start(attempt) {
      call.onRequestComplete()
      const response = new ResponseHead(200, new HeaderMap())
      expect(call.onResponse(attempt, response)).toBe('deliver')
      status = response.status
      call.onComplete(attempt)
    },
    startShadow() {},
    cancel() {},
    reply(_, replied) {
      status = replied.status
    },
  })
  call.begin()
  const x = call.exchange
  return { status, cluster: x.cluster?.name ?? null, endpoint: x.endpoint?.key ?? null, details: x.details }
}

/** Asks again and again, a turn of the event loop apart; the test's own time limit ends it. */
async function until(test: () => Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setImmediate(resolve))
}
