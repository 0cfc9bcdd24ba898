// Goldens: YAML in, ProtoJSON out. `UPDATE_GOLDEN=1 vitest run packages/agent/src/translate` rewrites them; read the diff.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRegistry, type DescMessage, fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf'
import { ClusterSchema } from '@inmesh/core/gen/envoy/config/cluster/v3/cluster_pb.ts'
import { ClusterLoadAssignmentSchema } from '@inmesh/core/gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '@inmesh/core/gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import { FileAccessLogSchema } from '@inmesh/core/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import { RouterSchema } from '@inmesh/core/gen/envoy/extensions/filters/http/router/v3/router_pb.ts'
import { HttpConnectionManagerSchema } from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { PreviousHostsPredicateSchema } from '@inmesh/core/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts'
import { PreviousPrioritiesConfigSchema } from '@inmesh/core/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts'
import { HttpProtocolOptionsSchema } from '@inmesh/core/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { expect, test } from 'vitest'
import {
  createProxy,
  type Proxy,
  readConfig,
  type Registration,
  type TranslatedResource,
  translate,
  type Translation,
} from './index.ts'

const registry = createRegistry(
  FileAccessLogSchema,
  RouterSchema,
  HttpConnectionManagerSchema,
  PreviousHostsPredicateSchema,
  PreviousPrioritiesConfigSchema,
  HttpProtocolOptionsSchema,
)

interface Case {
  readonly title: string
  readonly file: string
  readonly golden: string
  readonly proxy: Proxy
  readonly names: readonly string[]
  readonly registrations?: readonly Registration[]
}

const cases: readonly Case[] = [
  {
    title: 'splits a host 90 to 10 between subsets of registered workloads',
    file: 'canary.yaml',
    golden: 'canary.json',
    proxy: createProxy('shop', { name: 'frontend-1', labels: { app: 'frontend' } }),
    names: ['reviews:9080'],
    registrations: [
      registered('reviews-v1', '127.0.0.2', [9080]),
      registered('reviews-v2', '127.0.0.3', [43_210]),
      registered('reviews-v2', '127.0.0.4', []),
    ],
  },
  {
    title: 'retries a split over endpoints in several localities',
    file: 'payments.yaml',
    golden: 'payments.json',
    proxy: createProxy('frontend'),
    names: ['payments-api.payments:8080'],
  },
  {
    title: 'gives a timeout with retries, limits, round robin and ejection',
    file: 'resilience.yaml',
    golden: 'resilience.json',
    proxy: createProxy('mesh-demo'),
    names: ['backend:80'],
  },
  {
    title: 'translates every honoured part of a VirtualService, and the access log and tracing of the mesh',
    file: 'routes.yaml',
    golden: 'routes.json',
    proxy: createProxy('default', { labels: { app: 'client' } }),
    names: ['web:80', '10.96.0.10:80'],
  },
  {
    title: 'finds services by DNS or not at all, and settings per port and subset',
    file: 'clusters.yaml',
    golden: 'clusters.json',
    proxy: createProxy('default'),
    names: [
      'httpbin.org:80',
      'a.wild.org:80',
      'api.example.com:80',
      'lb.example.com:80',
      'web:80',
      'web:81',
      'web:3306',
    ],
  },
  {
    title: 'blocks a host that the mesh does not know under REGISTRY_ONLY',
    file: 'clusters.yaml',
    golden: 'blocked.json',
    proxy: createProxy('default'),
    names: ['unknown.example.com:80'],
  },
  {
    title: 'lets a host that the mesh does not know pass, and answers inbound listeners',
    file: 'canary.yaml',
    golden: 'inbound.json',
    proxy: createProxy('shop', { name: 'reviews-v2-a', ips: ['127.0.0.3'], group: 'reviews-v2' }),
    names: [
      'unknown.example.com:80',
      'xds.istio.io/grpc/lds/inbound/127.0.0.3:43210',
      'xds.istio.io/grpc/lds/inbound/[::]:43210',
    ],
  },
]

test.each(cases)('$title', ({ file, golden, proxy, names, registrations }) => {
  const text = readFileSync(new URL(`testdata/${file}`, import.meta.url), 'utf8')
  const { objects } = readConfig([{ file, text }])
  const actual = asJson(translate(objects, proxy, names, registrations))
  const path = new URL(`testdata/${golden}`, import.meta.url)
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, `${JSON.stringify(actual, null, 2)}\n`)
  expect(actual).toEqual(JSON.parse(readFileSync(path, 'utf8')))
})

test('gives the same bytes and versions each time', () => {
  const { file, proxy, names } = cases[3] as Case
  const text = readFileSync(new URL(`testdata/${file}`, import.meta.url), 'utf8')
  const run = (): Translation => translate(readConfig([{ file, text }]).objects, proxy, names)
  expect(run()).toEqual(run())
})

function registered(group: string, address: string, ports: readonly number[]): Registration {
  return {
    namespace: 'shop',
    group,
    address,
    labels: {},
    serviceAccount: 'reviews',
    workloadName: group,
    clusterId: 'Kubernetes',
    ports,
    connected: true,
  }
}

function asJson(translation: Translation): Record<string, JsonValue[]> {
  const of = (schema: DescMessage, resources: readonly TranslatedResource[]): JsonValue[] =>
    resources.map(({ value }) => toJson(schema, fromBinary(schema, value), { registry }))
  return {
    listeners: of(ListenerSchema, translation.listeners),
    routeConfigurations: of(RouteConfigurationSchema, translation.routeConfigurations),
    clusters: of(ClusterSchema, translation.clusters),
    clusterLoadAssignments: of(ClusterLoadAssignmentSchema, translation.clusterLoadAssignments),
  }
}
