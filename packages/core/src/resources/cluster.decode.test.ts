import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { anyPack, type Any } from '@bufbuild/protobuf/wkt'
import { describe, expect, it } from 'vitest'
import type { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { Cluster_DiscoveryType, Cluster_LbPolicy } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { DnsClusterSchema } from '../gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts'
import { LeastRequestSchema } from '../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import { RingHashSchema } from '../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts'
import { RoundRobinSchema } from '../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import { WrrLocalitySchema } from '../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts'
import { RawBufferSchema } from '../gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.ts'
import { UpstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { type ClusterSpec, duration, edsCluster, socketAddress } from '../testing/resource-builders.ts'
import { clusterType } from './cluster.decode.ts'
import type { Cluster, LoadBalancing } from './cluster.ts'

type ClusterInit = Exclude<MessageInitShape<typeof ClusterSchema>, { readonly $typeName: string }>

const ORIGIN = { version: 'v1' }
const encode = (message: ClusterInit = {}, spec: Partial<ClusterSpec> = {}): Uint8Array =>
  edsCluster({ name: 'c', message, ...spec }).value

function accepted(bytes: Uint8Array): Cluster {
  const decoded = clusterType.decode(bytes, ORIGIN)
  if (!decoded.ok) throw new Error(decoded.errors.join('; '))
  return decoded.resource
}

const errors = (bytes: Uint8Array): readonly string[] => {
  const decoded = clusterType.decode(bytes, ORIGIN)
  return decoded.ok ? [] : decoded.errors
}

const warnings = (bytes: Uint8Array): readonly string[] => {
  const decoded = clusterType.decode(bytes, ORIGIN)
  return decoded.ok ? decoded.warnings : []
}

const pack = <Desc extends DescMessage>(schema: Desc, init?: MessageInitShape<Desc>): Any =>
  anyPack(schema, create(schema, init) as MessageShape<Desc>)

const type = (value: Cluster_DiscoveryType): ClusterInit => ({ clusterDiscoveryType: { case: 'type', value } })
const policies = (...configs: Any[]): ClusterInit => ({
  loadBalancingPolicy: {
    policies: configs.map((typedConfig) => ({ typedExtensionConfig: { name: 'x', typedConfig } })),
  },
})
const options = (init: MessageInitShape<typeof HttpProtocolOptionsSchema>): ClusterInit => ({
  typedExtensionProtocolOptions: { [HttpProtocolOptionsSchema.typeName]: pack(HttpProtocolOptionsSchema, init) },
})
const endpoint = (address: string): ClusterInit => ({
  loadAssignment: {
    clusterName: 'c',
    endpoints: [
      { lbEndpoints: [{ hostIdentifier: { case: 'endpoint', value: { address: socketAddress(address, 80) } } }] },
    ],
  },
})

describe('clusterType', () => {
  it("fills in Envoy's defaults", () => {
    expect(accepted(encode())).toEqual({
      origin: { type: 'Cluster', name: 'c', version: 'v1', config: null },
      name: 'c',
      altStatName: '',
      discovery: { kind: 'eds', serviceName: 'c' },
      connectTimeoutMs: 5000,
      loadBalancing: { kind: 'round_robin' },
      circuitBreakers: {
        default: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
        high: { maxConnections: 1024, maxPendingRequests: 1024, maxRequests: 1024, maxRetries: 3 },
      },
      outlierDetection: null,
      protocol: 'http1',
      idleTimeoutMs: 3_600_000,
      maxRequestsPerConnection: null,
      healthyPanicThreshold: 50,
      transportSocket: null,
      transportSocketMatches: [],
      metadata: {},
    })
    expect(warnings(encode())).toEqual([])
  })

  it('reads where endpoints come from', () => {
    expect(accepted(encode({}, { serviceName: 's' })).discovery).toEqual({ kind: 'eds', serviceName: 's' })
    expect(accepted(encode(type(Cluster_DiscoveryType.ORIGINAL_DST))).discovery).toEqual({ kind: 'original_dst' })
    const fixed = accepted(encode({ ...type(Cluster_DiscoveryType.STATIC), ...endpoint('10.0.0.1') })).discovery
    expect(fixed).toMatchObject({
      kind: 'static',
      endpoints: { localities: [{ endpoints: { addresses: ['10.0.0.1'] } }] },
    })
    const dns = accepted(
      encode({
        ...type(Cluster_DiscoveryType.STRICT_DNS),
        ...endpoint('example.com'),
        dnsRefreshRate: duration(60_000),
        respectDnsTtl: true,
      }),
    ).discovery
    expect(dns).toMatchObject({
      kind: 'strict_dns',
      refreshMs: 60_000,
      respectTtl: true,
      endpoints: { localities: [{ endpoints: { addresses: ['example.com'] } }] },
    })
  })

  it.each([
    [false, 'strict_dns'],
    [true, 'logical_dns'],
  ])(
    'reads the newer form of a DNS cluster (all addresses in one endpoint: %s)',
    (allAddressesInSingleEndpoint, kind) => {
      const typedConfig = pack(DnsClusterSchema, { allAddressesInSingleEndpoint, dnsRefreshRate: duration(1000) })
      const message: ClusterInit = {
        clusterDiscoveryType: { case: 'clusterType', value: { name: 'dns', typedConfig } },
        ...endpoint('example.com'),
      }
      expect(accepted(encode(message)).discovery).toMatchObject({ kind, refreshMs: 1000, respectTtl: false })
    },
  )

  const unsupported = (policy: string): LoadBalancing => ({ kind: 'unsupported', policy, fallback: 'round_robin' })
  const ringHash = pack(RingHashSchema)
  it.each<[string, ClusterInit, LoadBalancing]>([
    ['ROUND_ROBIN', {}, { kind: 'round_robin' }],
    ['LEAST_REQUEST', { lbPolicy: Cluster_LbPolicy.LEAST_REQUEST }, { kind: 'least_request', choiceCount: 2 }],
    [
      'LEAST_REQUEST with a choice of 4',
      {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: { case: 'leastRequestLbConfig', value: { choiceCount: 4 } },
      },
      { kind: 'least_request', choiceCount: 4 },
    ],
    ['RANDOM', { lbPolicy: Cluster_LbPolicy.RANDOM }, { kind: 'random' }],
    ['RING_HASH', { lbPolicy: Cluster_LbPolicy.RING_HASH }, unsupported('RING_HASH')],
    [
      'a list, before lb_policy',
      { lbPolicy: Cluster_LbPolicy.RANDOM, ...policies(pack(LeastRequestSchema, { choiceCount: 3 })) },
      { kind: 'least_request', choiceCount: 3 },
    ],
    [
      'the first known of a list',
      policies(ringHash, pack(RoundRobinSchema), pack(LeastRequestSchema)),
      { kind: 'round_robin' },
    ],
    [
      'a list of which none is known',
      policies(ringHash),
      unsupported('envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash'),
    ],
    [
      'the policy within wrr_locality',
      policies(
        pack(WrrLocalitySchema, {
          endpointPickingPolicy: {
            policies: [{ typedExtensionConfig: { name: 'x', typedConfig: pack(LeastRequestSchema) } }],
          },
        }),
      ),
      { kind: 'least_request', choiceCount: 2 },
    ],
  ])('balances by %s', (_what, message, expected) => {
    expect(accepted(encode(message)).loadBalancing).toEqual(expected)
  })

  it('warns of a policy that it does not know', () => {
    expect(warnings(encode({ lbPolicy: Cluster_LbPolicy.MAGLEV }))).toEqual([
      'lb_policy: approximated: MAGLEV is not known: round robin is used',
    ])
  })

  it.each<[string, ClusterInit, Partial<Cluster>]>([
    [
      'HTTP/2',
      options({
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
        },
      }),
      { protocol: 'http2' },
    ],
    [
      'HTTP/1',
      options({
        upstreamProtocolOptions: {
          case: 'explicitHttpConfig',
          value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
        },
      }),
      { protocol: 'http1' },
    ],
    [
      "the downstream's protocol",
      options({ upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: {} } }),
      { protocol: 'use_downstream' },
    ],
    ['HTTP/2 in the older field', { http2ProtocolOptions: {} }, { protocol: 'http2' }],
    [
      'timeouts and limits',
      options({
        commonHttpProtocolOptions: { idleTimeout: duration(0), maxRequestsPerConnection: 7 },
        upstreamProtocolOptions: { case: 'useDownstreamProtocolConfig', value: {} },
      }),
      { idleTimeoutMs: 0, maxRequestsPerConnection: 7 },
    ],
    ['the older limit', { maxRequestsPerConnection: 9 }, { maxRequestsPerConnection: 9 }],
    ['a limit of 0', { maxRequestsPerConnection: 0 }, { maxRequestsPerConnection: null }],
  ])('speaks as %s says', (_what, message, expected) => expect(accepted(encode(message))).toMatchObject(expected))

  it('reads thresholds of both priorities', () => {
    const { circuitBreakers } = accepted(
      encode({
        circuitBreakers: { thresholds: [{ maxRequests: 1 }, { priority: 1, maxRetries: 7 }, { maxRequests: 99 }] },
      }),
    )
    expect(circuitBreakers.default).toEqual({
      maxConnections: 1024,
      maxPendingRequests: 1024,
      maxRequests: 1,
      maxRetries: 3,
    })
    expect(circuitBreakers.high.maxRetries).toBe(7)
  })

  it("fills outlier detection with Envoy's defaults", () => {
    expect(accepted(encode({ outlierDetection: { enforcingSuccessRate: 0 } })).outlierDetection).toEqual({
      consecutive5xx: 5,
      enforcingConsecutive5xx: 100,
      consecutiveGatewayFailure: 5,
      enforcingConsecutiveGatewayFailure: 0,
      consecutiveLocalOriginFailure: 5,
      enforcingConsecutiveLocalOriginFailure: 100,
      splitExternalLocalOriginErrors: false,
      intervalMs: 10_000,
      baseEjectionTimeMs: 30_000,
      maxEjectionTimeMs: 300_000,
      maxEjectionPercent: 10,
    })
    expect(warnings(encode({ outlierDetection: { enforcingSuccessRate: 0 } }))).toEqual([])
    expect(warnings(encode({ outlierDetection: {} }))).toHaveLength(1)
    const long = accepted(
      encode({ outlierDetection: { enforcingSuccessRate: 0, baseEjectionTime: duration(600_000) } }),
    )
    expect(long.outlierDetection?.maxEjectionTimeMs).toBe(600_000)
  })

  it('keeps transport sockets as bytes, raw_buffer as plaintext', () => {
    const tls = {
      name: 'tls',
      configType: { case: 'typedConfig' as const, value: pack(UpstreamTlsContextSchema, { sni: 's' }) },
    }
    const raw = { name: 'raw', configType: { case: 'typedConfig' as const, value: pack(RawBufferSchema) } }
    const cluster = accepted(
      encode({
        transportSocket: tls,
        transportSocketMatches: [
          { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, transportSocket: tls },
          { name: 'tlsMode-disabled', transportSocket: raw },
        ],
      }),
    )
    const typeUrl = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
    expect(cluster.transportSocket).toMatchObject({ name: 'tls', typeUrl })
    expect(cluster.transportSocketMatches).toMatchObject([
      { name: 'tlsMode-istio', match: { tlsMode: 'istio' }, socket: { typeUrl } },
      { name: 'tlsMode-disabled', match: {}, socket: null },
    ])
  })

  it('keeps the metadata of istiod', () => {
    const istio = { config: '/apis/x', services: [{ host: 'h', name: 'n', namespace: 's' }] }
    const cluster = accepted(encode({ metadata: { filterMetadata: { istio } } }))
    expect(cluster.metadata).toEqual({ istio })
    expect(cluster.origin.config).toBe('/apis/x')
  })

  it.each<[string, ClusterInit, string]>([
    ['no name', { name: '' }, 'name: is empty'],
    [
      'EDS that does not come over ADS',
      { edsClusterConfig: { edsConfig: { configSourceSpecifier: { case: 'path', value: '/x' } } } },
      'eds_cluster_config.eds_config.path: refused: endpoints come over ADS',
    ],
    ['EDS without a source', { edsClusterConfig: {} }, 'eds_cluster_config.eds_config: is missing'],
    ['a static cluster without endpoints', type(Cluster_DiscoveryType.STATIC), 'load_assignment: is missing'],
    [
      'a host name in a load assignment that is wrong',
      { ...type(Cluster_DiscoveryType.STRICT_DNS), ...endpoint('') },
      'load_assignment.endpoints[0].lb_endpoints[0].endpoint.address: "" is no IP address',
    ],
    [
      'an unknown cluster type',
      { clusterDiscoveryType: { case: 'clusterType', value: { name: 'x', typedConfig: pack(RoundRobinSchema) } } },
      'cluster_type: envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin is not known',
    ],
    ['a connect timeout of 0', { connectTimeout: duration(0) }, 'connect_timeout: must be greater than 0'],
    [
      'a choice of 1',
      {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: { case: 'leastRequestLbConfig', value: { choiceCount: 1 } },
      },
      'least_request_lb_config.choice_count: 1 is below 2',
    ],
    [
      'a policy list that is missing',
      { lbPolicy: Cluster_LbPolicy.LOAD_BALANCING_POLICY_CONFIG },
      'load_balancing_policy: is missing',
    ],
    [
      'a percentage above 100',
      { outlierDetection: { maxEjectionPercent: 101 } },
      'outlier_detection.max_ejection_percent: 101 is more than 100 percent',
    ],
    [
      'an interval of 0',
      { outlierDetection: { interval: duration(0) } },
      'outlier_detection.interval: must be greater than 0',
    ],
    [
      'a longest ejection below the first',
      { outlierDetection: { maxEjectionTime: duration(1000) } },
      'outlier_detection.max_ejection_time: is below base_ejection_time',
    ],
    [
      'a panic threshold above 100',
      { commonLbConfig: { healthyPanicThreshold: { value: 101 } } },
      'common_lb_config.healthy_panic_threshold: 101 is no percentage',
    ],
    [
      'a transport socket without its type',
      { transportSocket: { name: 'tls' } },
      'transport_socket: typed_config is missing',
    ],
    [
      'protocol options without a protocol',
      options({}),
      `typed_extension_protocol_options["${HttpProtocolOptionsSchema.typeName}"]: has no upstream_protocol_options`,
    ],
    [
      'a transport socket matcher',
      { transportSocketMatcher: {} },
      'transport_socket_matcher: refused: the wrong transport socket would be chosen',
    ],
  ])('refuses %s', (_what, message, error) => expect(errors(encode(message))).toContain(error))

  it('answers bytes that are no cluster with an error', () => {
    expect(errors(new Uint8Array([10, 200, 1]))[0]).toContain('malformed')
  })
})
