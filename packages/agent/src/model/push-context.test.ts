import { describe, expect, test } from 'vitest'
import { readConfig } from '../ingest/file-store.ts'
import type { ConfigObject } from '../ingest/config-store.ts'
import { createProxy } from '../translate/index.ts'
import type { MeshPort, MeshService } from './mesh-service.ts'
import { createPushContext, type PushContext } from './push-context.ts'
import type { Registration } from './registration.ts'

function objects(text: string): readonly ConfigObject[] {
  const { objects: read, problems } = readConfig([{ file: 'mesh.yaml', text }])
  expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
  return read
}

function registration(given: Partial<Registration>): Registration {
  return {
    namespace: 'shop',
    group: 'reviews',
    address: '127.0.0.2',
    labels: {},
    serviceAccount: '',
    workloadName: 'reviews-1',
    clusterId: '',
    ports: [],
    connected: true,
    ...given,
  }
}

const HOST = 'reviews.shop.svc.cluster.local'

function endpoints(push: PushContext): string[] {
  const service = push.service(HOST, 'shop') as MeshService
  return push
    .instances(service, service.ports[0] as MeshPort)
    .map((one) => `${one.address}:${one.port} ${one.healthy ? 'up' : 'down'}`)
}

function shop(ports: string, template = ''): string {
  return `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: ${ports}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: reviews, namespace: shop}
spec: {metadata: {labels: {app: reviews, version: v1}}, template: {${template}}}
`
}

describe('the port of a registered workload', () => {
  const http = '[{port: 9080, name: http}]'
  const two = '[{port: 9080, name: http}, {port: 9090, name: metrics}]'
  const target = '[{port: 80, name: http, targetPort: 9080}]'
  const named = '[{port: 9080, name: http, targetPort: web}]'
  test.each([
    ['is unhealthy at the service port while it does not listen', http, '', [], ['127.0.0.2:9080 down']],
    ['is the target port when it listens there', http, '', [9080, 9999], ['127.0.0.2:9080 up']],
    ['is the one port that it listens on', http, '', [4321], ['127.0.0.2:4321 up']],
    ['is not guessed among several ports', http, '', [4321, 4322], ['127.0.0.2:9080 down']],
    ['is not a port that serves another port of the service', two, '', [9090], ['127.0.0.2:9080 down']],
    ["is the group's when it listens there", http, 'ports: {http: 5000}', [5000, 9080], ['127.0.0.2:5000 up']],
    ['is the target port when the group names another', http, 'ports: {http: 5000}', [9080], ['127.0.0.2:9080 up']],
    ["waits at the group's port", http, 'ports: {http: 5000}', [4321], ['127.0.0.2:5000 down']],
    ["waits at the service's target port", target, '', [], ['127.0.0.2:9080 down']],
    ['is the named target port of the group', named, 'ports: {web: 5000}', [5000], ['127.0.0.2:5000 up']],
    ['is left out when nothing says what a named target port is', named, '', [], []],
  ])('%s', (_, ports, template, listening, expected) => {
    const push = createPushContext(objects(shop(ports, template)), [registration({ ports: listening })], null)
    expect(endpoints(push)).toEqual(expected)
  })

  test("labels of the node win over the group's", () => {
    const push = createPushContext(
      objects(shop(http)),
      [registration({ labels: { version: 'v9', app: 'reviews' } })],
      null,
    )
    const service = push.service(HOST, 'shop') as MeshService
    expect(push.instances(service, service.ports[0] as MeshPort)[0]?.labels).toEqual({ app: 'reviews', version: 'v9' })
  })
})

test('a ServiceEntry with a workloadSelector selects registered workloads and WorkloadEntries of its namespace', () => {
  const text = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [${HOST}]
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP, targetPort: 8000}]
  workloadSelector: {labels: {app: reviews}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: shop}
spec: {address: 10.0.0.1, labels: {app: reviews}, ports: {http: 7000}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: b, namespace: other}
spec: {address: 10.0.0.2, labels: {app: reviews}}
`
  const push = createPushContext(objects(text), [registration({ labels: { app: 'reviews' }, ports: [8000] })], null)
  expect(endpoints(push)).toEqual(['10.0.0.1:7000 up', '127.0.0.2:8000 up'])
})

test('EndpointSlices say where a Service is, and pods give them their labels', () => {
  const text = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{port: 9080, name: http}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: reviews-x, namespace: shop, labels: {kubernetes.io/service-name: reviews}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints:
  - {addresses: [10.0.0.1], conditions: {ready: true}}
  - {addresses: [10.0.0.2], conditions: {ready: false}}
  - {addresses: [10.0.0.3], conditions: {ready: false, terminating: true}}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-1, namespace: shop, labels: {app: reviews, version: v1}}
spec: {containers: []}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-9, namespace: shop, labels: {app: reviews}}
spec: {containers: []}
status: {podIP: 10.0.0.9}
`
  const push = createPushContext(objects(text), [], null)
  expect(endpoints(push)).toEqual(['10.0.0.1:8080 up', '10.0.0.2:8080 down'])
  const service = push.service(HOST, 'shop') as MeshService
  expect(push.instances(service, service.ports[0] as MeshPort)[0]?.labels).toMatchObject({ version: 'v1' })
})

function rule(name: string, namespace: string, host: string, extra = ''): string {
  return `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}}
spec: {host: "${host}", ${extra}}
`
}

describe('the DestinationRule of a service', () => {
  const service = shop('[{port: 9080, name: http}]')
  const pick = (rules: readonly string[], namespace: string, labels = {}): string | null => {
    const push = createPushContext(objects([service, ...rules].join('---')), [], null)
    const found = push.destinationRule(push.service(HOST, namespace) as MeshService, { namespace, labels })
    return found === null ? null : `${found.object.namespace}/${found.object.name}`
  }
  const own = rule('own', 'client', HOST)
  const theirs = rule('theirs', 'shop', 'reviews')
  const root = rule('root', 'istio-system', HOST)

  test("is the client's before the service's before the root's", () => {
    expect(pick([own, theirs, root], 'client')).toBe('client/own')
    expect(pick([theirs, root], 'client')).toBe('shop/theirs')
    expect(pick([root], 'client')).toBe('istio-system/root')
    expect(pick([], 'client')).toBeNull()
  })

  test('is not seen where it is not exported', () => {
    const hidden = rule('theirs', 'shop', 'reviews', 'exportTo: ["."]')
    expect(pick([hidden, root], 'client')).toBe('istio-system/root')
    expect(pick([hidden, root], 'shop')).toBe('shop/theirs')
  })

  test('is the one with the most specific host', () => {
    expect(pick([rule('all', 'client', '*.local'), rule('shop', 'client', '*.shop.svc.cluster.local')], 'client')).toBe(
      'client/shop',
    )
    expect(pick([rule('all', 'client', '*.local'), own], 'client')).toBe('client/own')
  })

  test('is the one that selects the client, in its own namespace', () => {
    const selecting = rule('selecting', 'client', HOST, 'workloadSelector: {matchLabels: {app: a}}')
    expect(pick([own, selecting], 'client', { app: 'a' })).toBe('client/selecting')
    expect(pick([own, selecting], 'client', { app: 'b' })).toBe('client/own')
  })

  test('adds the subsets of several for the same host, the first traffic policy counts', () => {
    const a = rule('a', 'shop', 'reviews', 'subsets: [{name: v1, labels: {v: "1"}}]')
    const b = rule(
      'b',
      'shop',
      HOST,
      'subsets: [{name: v1, labels: {v: x}}, {name: v2}], trafficPolicy: {loadBalancer: {simple: RANDOM}}',
    )
    const push = createPushContext(objects([service, a, b].join('---')), [], null)
    const found = push.destinationRule(push.service(HOST, 'shop') as MeshService, { namespace: 'shop', labels: {} })
    expect(found?.subsets.map(({ name, labels }) => [name, labels])).toEqual([
      ['v1', { v: '1' }],
      ['v2', {}],
    ])
    expect(found?.trafficPolicy?.loadBalancer?.simple).toBe('RANDOM')
  })
})

describe('the VirtualService of a host', () => {
  const route = 'http: [{route: [{destination: {host: x}}]}]'
  const virtualService = (name: string, namespace: string, hosts: string, extra = '', created = ''): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${name}, namespace: ${namespace}${created === '' ? '' : `, creationTimestamp: "${created}"`}}
spec: {hosts: [${hosts}], ${route}, ${extra}}
`
  const pick = (texts: readonly string[], namespace = 'shop'): string | null => {
    const push = createPushContext(objects(texts.join('---')), [], null)
    return push.virtualService(HOST, { namespace, labels: {} })?.name ?? null
  }

  test('is the oldest, then the first by name', () => {
    expect(pick([virtualService('b', 'shop', 'reviews'), virtualService('a', 'shop', 'reviews')])).toBe('a')
    expect(
      pick([
        virtualService('a', 'shop', 'reviews', '', '2024-01-02T00:00:00Z'),
        virtualService('b', 'shop', 'reviews', '', '2024-01-01T00:00:00Z'),
      ]),
    ).toBe('b')
  })

  test('is one with the exact host before one with a wildcard', () => {
    expect(
      pick([virtualService('a', 'shop', '"*.shop.svc.cluster.local"'), virtualService('z', 'shop', 'reviews')]),
    ).toBe('z')
  })

  test('is not one for gateways only, nor one that is not exported', () => {
    expect(pick([virtualService('a', 'shop', 'reviews', 'gateways: [gw]')])).toBeNull()
    expect(pick([virtualService('a', 'shop', 'reviews', 'gateways: [gw, mesh]')])).toBe('a')
    expect(pick([virtualService('a', 'shop', 'reviews', 'exportTo: ["."]')], 'client')).toBeNull()
    expect(pick([virtualService('a', 'shop', 'reviews', 'exportTo: [client]')], 'client')).toBe('a')
  })
})

describe('a context made from the one before', () => {
  const text = shop('[{port: 9080, name: http}]')

  test('says the same as one made from nothing', () => {
    const read = objects(text)
    let push: PushContext | null = null
    for (const ports of [[], [9080], [9080, 1], [7]]) {
      const registrations = [registration({ ports }), registration({ address: '127.0.0.3', ports: [9080] })]
      push = createPushContext(read, registrations, push)
      expect(endpoints(push)).toEqual(endpoints(createPushContext(read, registrations, null)))
    }
  })

  test('keeps the instances of a service that did not change', () => {
    const read = objects(text)
    const registrations = [registration({ ports: [9080] })]
    const first = createPushContext(read, registrations, null)
    const service = first.service(HOST, 'shop') as MeshService
    const port = service.ports[0] as MeshPort
    const before = first.instances(service, port)
    const same = createPushContext(read, [registration({ ports: [9080] })], first)
    expect(same.instances(service, port)).toBe(before)
    const changed = createPushContext(read, [registration({ ports: [] })], same)
    expect(changed.instances(service, port)).not.toBe(before)
    // The earlier context still says what it said.
    expect(first.instances(service, port)).toEqual(before)
  })
})

test('a registered workload asks as what its group makes of it, before it is known to listen', () => {
  const push = createPushContext(objects(shop('[{port: 9080, name: http}]')), [registration({})], null)
  const proxy = createProxy('shop', { ips: ['127.0.0.2'], group: 'reviews' })
  expect(push.inboundServices(proxy, 4321).map(({ service }) => service.host)).toEqual([HOST])
  expect(push.inboundServices({ ...proxy, group: null }, 4321)).toEqual([])
})

test('virtual addresses and ranges lead to their service', () => {
  const text = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: range, namespace: shop}
spec: {hosts: [range.example.com], addresses: [10.9.0.0/16, 10.8.0.1], ports: [{number: 80, name: http}], resolution: NONE}
`
  const push = createPushContext(objects(text), [], null)
  expect(push.serviceAt('10.9.1.2', 80, 'shop')?.host).toBe('range.example.com')
  expect(push.serviceAt('10.8.0.1', 80, 'shop')?.host).toBe('range.example.com')
  expect(push.serviceAt('10.8.0.1', 81, 'shop')).toBeNull()
  expect(push.serviceAt('10.7.0.1', 80, 'shop')).toBeNull()
})
