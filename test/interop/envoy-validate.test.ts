// Real Envoy loads what our agent makes: a bootstrap of the RouteConfigurations, Clusters, endpoints and connection
// managers of every example, in `--mode validate`, without a complaint.
import { spawnSync } from 'node:child_process'
import { closeSync, globSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createProxy,
  readConfig,
  type Registration,
  type TranslatedResource,
  translate,
  TYPE_URL,
  type TypeUrl,
} from '@inmesh/agent/translate'
import { afterAll, expect, test } from 'vitest'
import { resourceJson } from '../../packages/agent/src/translate/resource-json.ts'
import { describeWithPeer } from './peers.ts'

const root = join(import.meta.dirname, '../..')
type Json = Record<string, unknown>

/** Fields that Envoy calls deprecated and that istiod sends all the same: so do we, for the Envoys that are out there. */
const AS_ISTIOD = [
  'envoy.config.route.v3.RouteAction.max_grpc_timeout',
  'envoy.config.cluster.v3.Cluster.dns_refresh_rate',
  'envoy.config.cluster.v3.Cluster.respect_dns_ttl',
]

const registered = (group: string, address: string, port: number): Registration => ({
  namespace: 'shop',
  group,
  address,
  labels: {},
  serviceAccount: 'default',
  workloadName: group,
  clusterId: 'Kubernetes',
  ports: [port],
  connected: true,
})
const registrations = [
  registered('reviews-v1', '127.0.0.2', 9080),
  registered('reviews-v2', '127.0.0.3', 9080),
  registered('payments-api-v1', '127.0.0.4', 8080),
  registered('payments-api-v2', '127.0.0.5', 8080),
  registered('backend', '127.0.0.6', 5678),
  registered('frontend', '127.0.0.7', 8000),
]

/** Files or folders of YAML, the namespace that asks, and the hosts it calls. */
const CASES = [
  {
    path: 'examples/shop/mesh',
    namespace: 'shop',
    names: ['frontend:8000', 'reviews:9080', 'payments-api:8080', 'backend:80', 'unknown.example.com:80'],
  },
  { path: 'packages/agent/src/model/testdata/canary.yaml', namespace: null, names: null },
  { path: 'packages/agent/src/model/testdata/resilience.yaml', namespace: null, names: null },
  ...globSync('packages/agent/src/translate/testdata/*.yaml', { cwd: root }).map((path) => ({
    path,
    namespace: null,
    names: null,
  })),
]

describeWithPeer('envoy', 'Envoy loads what the agent makes', (envoy) => {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-envoy-'))
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(CASES)('$path', ({ path, namespace, names }) => {
    const { objects } = readConfig(yamlFiles(path))
    const hosts = names ?? namesOf(objects)
    const proxy = createProxy(namespace ?? objects[0]?.namespace ?? 'default')
    const translation = translate(objects, proxy, hosts, registrations)
    expect(translation.listeners.length).toBeGreaterThan(0)
    const file = join(folder, 'bootstrap.json')
    writeFileSync(file, JSON.stringify(bootstrap(translation)))
    // An access log on /dev/stdout can be opened when that is a file, not when it is a socket.
    const stdout = openSync(join(folder, 'stdout'), 'w')
    const args = ['--mode', 'validate', '-c', file, '--log-level', 'warning', '--log-format', '%v']
    const { status, stderr } = spawnSync(envoy, args, { encoding: 'utf8', stdio: ['ignore', stdout, 'pipe'] })
    closeSync(stdout)
    const complaints = stderr
      .split('\n')
      .filter((line) => line !== '' && !AS_ISTIOD.some((field) => line.includes(`deprecated option '${field}'`)))
    expect({ status, complaints }).toEqual({ status: 0, complaints: [] })
  })
})

/** The text of a file, or of every file of a folder. */
function yamlFiles(path: string): { file: string; text: string }[] {
  const files = path.endsWith('.yaml') ? [path] : globSync(`${path}/*.yaml`, { cwd: root })
  return files.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
}

/** `host:port` of every service among the objects. */
function namesOf(objects: ReturnType<typeof readConfig>['objects']): string[] {
  return objects.flatMap(({ kind, name, namespace, spec }) => {
    const { hosts, ports } = spec as { hosts?: string[]; ports?: { port?: number; number?: number }[] }
    if (kind !== 'Service' && kind !== 'ServiceEntry') return []
    const fullNames = kind === 'Service' ? [`${name}.${namespace}.svc.cluster.local`] : (hosts ?? [])
    return fullNames.flatMap((host) => (ports ?? []).map(({ port, number }) => `${host}:${port ?? number}`))
  })
}

function bootstrap(translation: ReturnType<typeof translate>): Json {
  const json = (typeUrl: TypeUrl, resource: TranslatedResource): Json => {
    const { '@type': _, ...message } = resourceJson(typeUrl, resource) as Json
    return message
  }
  const clusters = translation.clusters.map((resource) => json(TYPE_URL.cluster, resource))
  // Endpoints come with EDS: as a part of the bootstrap they stand in a copy of their cluster.
  const withEndpoints = translation.clusterLoadAssignments.map((resource) => {
    const assignment = json(TYPE_URL.clusterLoadAssignment, resource)
    const { eds_cluster_config: _, ...cluster } = clusters.find(
      ({ name }) => name === assignment['cluster_name'],
    ) as Json
    const name = `${String(cluster['name'])} with endpoints`
    return { ...cluster, name, type: 'STATIC', load_assignment: { ...assignment, cluster_name: name } }
  })
  const routeConfigurations = new Map(
    translation.routeConfigurations.map((resource) => [resource.name, json(TYPE_URL.routeConfiguration, resource)]),
  )
  const listeners = translation.listeners.map((resource, index) => {
    const listener = json(TYPE_URL.listener, resource)
    const api = (listener['api_listener'] as { api_listener: Json } | undefined)?.api_listener as Json
    const { rds, ...manager } = api as { rds?: { route_config_name: string } } & Json
    return {
      name: `listener ${index}`,
      address: { socket_address: { address: '127.0.0.1', port_value: 20_000 + index } },
      filter_chains: [
        {
          filters: [
            {
              name: 'envoy.filters.network.http_connection_manager',
              typed_config:
                rds === undefined
                  ? manager
                  : { ...manager, route_config: routeConfigurations.get(rds.route_config_name) },
            },
          ],
        },
      ],
    }
  })
  return {
    node: { id: 'validate', cluster: 'validate' },
    dynamic_resources: {
      ads_config: {
        api_type: 'GRPC',
        transport_api_version: 'V3',
        grpc_services: [{ envoy_grpc: { cluster_name: 'xds' } }],
      },
    },
    static_resources: {
      listeners,
      clusters: [
        {
          name: 'xds',
          type: 'STATIC',
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
              '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
              explicit_http_config: { http2_protocol_options: {} },
            },
          },
          load_assignment: {
            cluster_name: 'xds',
            endpoints: [
              {
                lb_endpoints: [
                  { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 15010 } } } },
                ],
              },
            ],
          },
        },
        ...clusters,
        ...withEndpoints,
      ],
    },
  }
}
