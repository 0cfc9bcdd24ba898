import { expect, test } from 'vitest'
import { createProxy, createPushContext, readConfig, type Registration } from '../translate/index.ts'
import { TYPE_URL, type TypeUrl } from '../translate/resource.ts'
import type { Proxy } from '../model/proxy.ts'
import type { PushContext } from '../model/push-context.ts'
import { OnDemandGenerator } from './on-demand-generator.ts'

const text = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {clusterIP: 10.96.0.7, selector: {app: reviews}, ports: [{port: 9080, name: http}, {port: 53, name: dns, protocol: UDP}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: virtual, namespace: shop}
spec: {hosts: [virtual.example.com], http: [{route: [{destination: {host: single}}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: single, namespace: shop}
spec: {ports: [{port: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews, namespace: shop}
spec: {metadata: {labels: {app: reviews}}}
`
const { objects } = readConfig([{ file: 'mesh.yaml', text }])
const registration: Registration = {
  namespace: 'shop',
  group: 'reviews',
  address: '127.0.0.2',
  labels: {},
  serviceAccount: '',
  workloadName: 'reviews-1',
  clusterId: '',
  ports: [9080],
  connected: true,
}
const push = createPushContext(objects, [registration], null)
const shop = createProxy('shop')
const other = createProxy('other')
const FQDN = 'reviews.shop.svc.cluster.local'

function ask(type: TypeUrl, names: readonly string[], proxy: Proxy = shop, context: PushContext = push): Uint8Array[] {
  const resources = new OnDemandGenerator().generate(type, names, proxy, context)
  return resources.map(({ value }) => value)
}

function mentions(value: Uint8Array | undefined, what: string): boolean {
  return Buffer.from(value ?? []).includes(what)
}

test.each(['reviews', 'reviews.shop', 'reviews.shop.svc', FQDN, `${FQDN}.`, 'REVIEWS', '10.96.0.7'])(
  'a listener for %s leads to the routes of the service',
  (host) => {
    const [listener] = ask(TYPE_URL.listener, [`${host}:9080`])
    expect(mentions(listener, `outbound|9080||${FQDN}`)).toBe(true)
    expect(mentions(listener, `${host}:9080`)).toBe(true)
  },
)

test.each([
  ['a short name from another namespace', 'reviews:9080', other],
  ['a port that the service does not have', 'reviews:9081', shop],
  ['a UDP port', 'reviews:53', shop],
  ['an unknown name', 'elsewhere.example.com:443', shop],
  ['an unknown address', '192.0.2.1:80', shop],
  ['an IPv6 address', '[2001:db8::1]:80', shop],
])('%s passes through', (_, name, proxy) => {
  const [listener] = ask(TYPE_URL.listener, [name], proxy)
  expect(mentions(listener, 'allow_any')).toBe(true)
  expect(mentions(listener, 'PassthroughCluster')).toBe(true)
  expect(mentions(listener, 'outbound|')).toBe(false)
})

test('a host that only a VirtualService has leads to its routes on port 80', () => {
  expect(mentions(ask(TYPE_URL.listener, ['virtual.example.com:80'])[0], 'outbound|80||virtual.example.com')).toBe(true)
  expect(mentions(ask(TYPE_URL.listener, ['virtual.example.com:81'])[0], 'allow_any')).toBe(true)
  const [routes] = ask(TYPE_URL.routeConfiguration, ['outbound|80||virtual.example.com'])
  expect(mentions(routes, 'outbound|8080||single.shop.svc.cluster.local')).toBe(true)
})

test.each([
  'reviews',
  ':80',
  'reviews:',
  'reviews:0',
  'reviews:65536',
  'a:b:80',
  'xds.istio.io/grpc/lds/inbound/x',
  '',
])('no listener is named "%s"', (name) => {
  expect(ask(TYPE_URL.listener, [name])).toEqual([])
})

test('clusters and routes that the mesh does not have are left out, endpoints are answered empty', () => {
  const names = [
    `outbound|9080|v9|${FQDN}`,
    `outbound|1||${FQDN}`,
    'outbound|80||missing.shop.svc.cluster.local',
    'inbound|1||',
    'x',
  ]
  expect(ask(TYPE_URL.cluster, names)).toEqual([])
  expect(ask(TYPE_URL.routeConfiguration, names.slice(1))).toEqual([])
  expect(ask(TYPE_URL.clusterLoadAssignment, names)).toHaveLength(names.length)
})

test('resources come in the order of their names', () => {
  const generator = new OnDemandGenerator()
  const names = ['b.example.com:1', 'reviews:9080', 'a.example.com:1']
  expect(generator.generate(TYPE_URL.listener, names, shop, push).map(({ name }) => name)).toEqual(names)
})

test('a change encodes again only what it touches', () => {
  const generator = new OnDemandGenerator()
  const name = `outbound|9080||${FQDN}`
  const all = (context: PushContext) =>
    [TYPE_URL.routeConfiguration, TYPE_URL.cluster, TYPE_URL.clusterLoadAssignment].map(
      (type) => generator.generate(type, [name], shop, context)[0],
    )
  const before = all(push)
  const same = createPushContext([...objects], [{ ...registration }], push)
  all(same).forEach((resource, i) => expect(resource).toBe(before[i]))
  const changed = all(createPushContext(objects, [{ ...registration, ports: [] }], same))
  expect(changed[0]).toBe(before[0])
  expect(changed[1]).toBe(before[1])
  expect(changed[2]?.version).not.toBe(before[2]?.version)
  // The same content has the same version again, in another agent too.
  expect(all(createPushContext(objects, [registration], null))[2]?.version).toBe(before[2]?.version)
  expect(new OnDemandGenerator().generate(TYPE_URL.cluster, [name], shop, push)[0]?.version).toBe(before[1]?.version)
})

test('an inbound listener is answered for any process, with the services that it is behind', () => {
  const name = 'xds.istio.io/grpc/lds/inbound/127.0.0.2:7777'
  const member = createProxy('shop', { group: 'reviews', ips: ['127.0.0.2'] })
  const starting = createPushContext(objects, [{ ...registration, ports: [] }], null)
  const [mine] = ask(TYPE_URL.listener, [name], member, starting)
  expect(mentions(mine, FQDN)).toBe(true)
  expect(mentions(mine, 'inbound|http|9080')).toBe(true)
  const [stranger] = ask(TYPE_URL.listener, [name], other)
  expect(mentions(stranger, FQDN)).toBe(false)
  expect(mentions(stranger, 'inbound|http|7777')).toBe(true)
})
