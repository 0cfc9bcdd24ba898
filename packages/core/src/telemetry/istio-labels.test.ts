import { describe, expect, test } from 'vitest'
import type { Cluster, DestinationService } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Connection } from '../exchange/connection.ts'
import { Exchange, type Side } from '../exchange/exchange.ts'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { Peer } from '../exchange/peer.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { CompiledRoute } from '../route/route.ts'
import {
  ISTIO_LABELS,
  type IstioLabel,
  istioLabels,
  peerForLabels,
  type ResponseLabels,
  serviceOfMetadata,
} from './istio-labels.ts'

const self: Peer = {
  workload: 'frontend-v1',
  namespace: 'shop',
  canonicalService: 'frontend',
  canonicalRevision: 'v1',
  app: 'frontend',
  version: '',
  cluster: 'Kubernetes',
  principal: 'spiffe://cluster.local/ns/shop/sa/frontend',
}
const reviews: Peer = {
  workload: 'reviews-v2',
  namespace: 'books',
  canonicalService: 'reviews',
  canonicalRevision: 'v2',
  app: 'reviews',
  version: 'v2',
  cluster: 'Kubernetes',
  principal: null,
}
const ok: ResponseLabels = { grpc: false, status: 200, grpcStatus: null, flags: 0 }
const plaintext: Connection = {
  remoteAddress: '10.0.0.9',
  remotePort: 1,
  localAddress: '10.0.0.1',
  localPort: 80,
  mtls: false,
  principal: null,
  alpn: null,
  serverName: null,
}

interface Given {
  readonly peer?: Peer | null
  readonly endpointPeer?: Peer
  readonly cluster?: string
  readonly service?: DestinationService | null
  readonly routeName?: string
  readonly routeMetadata?: CompiledRoute['metadata']
  readonly connection?: Connection
  readonly authority?: string
  readonly response?: ResponseLabels
}

function labels(side: Side, given: Given): Record<IstioLabel, string> {
  const x = exchange(side, given)
  const values = istioLabels(x, self, given.response ?? ok)
  return Object.fromEntries(ISTIO_LABELS.map((name, i) => [name, values[i]])) as Record<IstioLabel, string>
}

function exchange(side: Side, given: Given): Exchange {
  const head = new RequestHead('GET', 'http', given.authority ?? 'reviews:9080', '/', new HeaderMap())
  const x = new Exchange(side, head, given.connection ?? (side === 'inbound' ? plaintext : null), 0, 0)
  x.peer = given.peer ?? null
  if (given.endpointPeer !== undefined) x.endpoint = { peer: given.endpointPeer } as Endpoint
  if (given.cluster !== undefined) x.cluster = { name: given.cluster, service: given.service ?? null } as Cluster
  if (given.routeName !== undefined || given.routeMetadata !== undefined)
    x.route = { name: given.routeName ?? '', metadata: given.routeMetadata ?? {} } as CompiledRoute
  return x
}

const service = { host: 'reviews.books.svc.cluster.local', name: 'reviews', namespace: 'books' }

test('there are 25 labels in the order of Istio, and as many values', () => {
  expect(ISTIO_LABELS).toHaveLength(25)
  expect(new Set(ISTIO_LABELS).size).toBe(25)
  expect(istioLabels(exchange('outbound', {}), self, ok)).toHaveLength(25)
  expect(istioLabels(exchange('inbound', {}), self, ok)).toHaveLength(25)
})

describe('reporter source', () => {
  test('names both workloads and the destination service of the cluster', () => {
    expect(labels('outbound', { peer: reviews, cluster: 'outbound|9080||reviews', service })).toEqual({
      reporter: 'source',
      source_workload: 'frontend-v1',
      source_canonical_service: 'frontend',
      source_canonical_revision: 'v1',
      source_workload_namespace: 'shop',
      source_principal: 'unknown',
      source_app: 'frontend',
      source_version: '',
      source_cluster: 'Kubernetes',
      destination_workload: 'reviews-v2',
      destination_workload_namespace: 'books',
      destination_principal: 'unknown',
      destination_app: 'reviews',
      destination_version: 'v2',
      destination_service: 'reviews.books.svc.cluster.local',
      destination_canonical_service: 'reviews',
      destination_canonical_revision: 'v2',
      destination_service_name: 'reviews',
      destination_service_namespace: 'books',
      destination_cluster: 'Kubernetes',
      request_protocol: 'http',
      response_code: '200',
      grpc_response_status: '',
      response_flags: '-',
      connection_security_policy: 'unknown',
    })
  })

  test('an unknown peer is unknown, its revision latest', () => {
    const of = labels('outbound', { cluster: 'c', service })
    expect(of.destination_workload).toBe('unknown')
    expect(of.destination_workload_namespace).toBe('unknown')
    expect(of.destination_canonical_service).toBe('unknown')
    expect(of.destination_canonical_revision).toBe('latest')
    expect(of.destination_app).toBe('unknown')
    expect(of.destination_cluster).toBe('unknown')
    expect(of.destination_service_namespace).toBe('unknown')
  })

  test('takes endpoint metadata where the answer said nothing, and the answer over it', () => {
    expect(labels('outbound', { endpointPeer: reviews }).destination_workload).toBe('reviews-v2')
    const both = { peer: { ...reviews, workload: 'said' }, endpointPeer: reviews }
    expect(labels('outbound', both).destination_workload).toBe('said')
    expect(peerForLabels(exchange('inbound', { endpointPeer: reviews }))).toBeNull()
  })

  test('falls back to the Host header for a cluster without services', () => {
    const of = labels('outbound', { cluster: 'c', service: null, authority: 'example.com:8080' })
    expect(of.destination_service).toBe('example.com:8080')
    expect(of.destination_service_name).toBe('example.com:8080')
  })

  test('is unknown without a Host header', () => {
    const of = labels('outbound', { authority: '' })
    expect(of.destination_service).toBe('unknown')
    expect(of.destination_service_name).toBe('unknown')
  })

  test.each([
    ['block_all', 'x', 'BlackHoleCluster'],
    ['allow_any', 'x', 'PassthroughCluster'],
    ['other', 'PassthroughCluster', 'PassthroughCluster'],
    ['other', 'BlackHoleCluster', 'BlackHoleCluster'],
  ])('route %s to cluster %s is named %s, under its Host', (routeName, cluster, name) => {
    const of = labels('outbound', { routeName, cluster, service: null, authority: 'example.com' })
    expect(of.destination_service_name).toBe(name)
    expect(of.destination_service).toBe('example.com')
  })

  test('principals appear with mutual TLS, and the namespace of the certificate wins', () => {
    const peer = { ...reviews, principal: 'spiffe://cluster.local/ns/certified/sa/reviews' }
    const of = labels('outbound', { peer, cluster: 'c', service })
    expect(of.destination_principal).toBe('spiffe://cluster.local/ns/certified/sa/reviews')
    expect(of.source_principal).toBe('spiffe://cluster.local/ns/shop/sa/frontend')
    expect(of.destination_workload_namespace).toBe('certified')
    expect(of.destination_service_namespace).toBe('certified')
    expect(of.connection_security_policy).toBe('unknown')
  })

  test('a principal of another shape leaves the namespace to the metadata', () => {
    const of = labels('outbound', { peer: { ...reviews, principal: 'spiffe://other/workload' } })
    expect(of.destination_workload_namespace).toBe('books')
  })
})

describe('reporter destination', () => {
  test('names the caller as source and itself as destination', () => {
    const of = labels('inbound', { peer: reviews })
    expect(of).toMatchObject({
      reporter: 'destination',
      source_workload: 'reviews-v2',
      source_workload_namespace: 'books',
      source_version: 'v2',
      destination_workload: 'frontend-v1',
      destination_workload_namespace: 'shop',
      destination_version: '',
      destination_cluster: 'Kubernetes',
      destination_service_namespace: 'shop',
      connection_security_policy: 'none',
    })
  })

  test('an unknown caller is unknown, its revision latest', () => {
    const of = labels('inbound', {})
    expect(of.source_workload).toBe('unknown')
    expect(of.source_workload_namespace).toBe('unknown')
    expect(of.source_canonical_revision).toBe('latest')
    expect(of.source_principal).toBe('unknown')
  })

  test('never takes the Host header for the destination service', () => {
    const of = labels('inbound', { authority: 'made-up' })
    expect(of.destination_service).toBe('frontend')
    expect(of.destination_service_name).toBe('frontend')
  })

  test('takes the service of the route metadata', () => {
    const of = labels('inbound', { routeMetadata: { istio: { services: [service] } } })
    expect(of.destination_service).toBe('reviews.books.svc.cluster.local')
    expect(of.destination_service_name).toBe('reviews')
  })

  test('mutual TLS is said, with both principals', () => {
    const principal = 'spiffe://cluster.local/ns/books/sa/reviews'
    const connection = { ...plaintext, mtls: true, principal }
    const of = labels('inbound', { peer: { ...reviews, principal }, connection })
    expect(of.connection_security_policy).toBe('mutual_tls')
    expect(of.source_principal).toBe(principal)
    expect(of.destination_principal).toBe('spiffe://cluster.local/ns/shop/sa/frontend')
  })
})

test.each<[ResponseLabels, Partial<Record<IstioLabel, string>>]>([
  [
    { grpc: false, status: 0, grpcStatus: null, flags: ResponseFlag.DownstreamConnectionTermination },
    { response_code: '0', response_flags: 'DC' },
  ],
  [
    { grpc: true, status: 200, grpcStatus: 14, flags: 0 },
    { request_protocol: 'grpc', grpc_response_status: '14' },
  ],
  [
    { grpc: true, status: 0, grpcStatus: null, flags: 0 },
    { request_protocol: 'grpc', grpc_response_status: '' },
  ],
  [
    {
      grpc: false,
      status: 503,
      grpcStatus: null,
      flags: ResponseFlag.UpstreamConnectionFailure | ResponseFlag.UpstreamRetryLimitExceeded,
    },
    { response_code: '503', response_flags: 'UF,URX' },
  ],
])('the answer %j is told as %j', (response, expected) => {
  expect(labels('outbound', { response })).toMatchObject(expected)
})

test.each([
  [
    { istio: { services: [{ host: 'a.b.c', name: 'n', namespace: 'x' }] } },
    { host: 'a.b.c', name: 'n', namespace: 'x' },
  ],
  [{ istio: { services: [{ host: 'a.b.c' }] } }, { host: 'a.b.c', name: 'a', namespace: '' }],
  [{ istio: { services: [{ host: 'a' }] } }, { host: 'a', name: 'a', namespace: '' }],
  [{ istio: { services: [] } }, null],
  [{ istio: { services: 'a' } }, null],
  [{ istio: { services: [{ name: 'n' }] } }, null],
  [{}, null],
])('metadata %j names the service %j', (metadata, expected) => {
  expect(serviceOfMetadata(metadata)).toEqual(expected)
})
