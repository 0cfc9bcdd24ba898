// Clusters of services, their subsets, and the cluster for everything else (istio pilot/pkg/networking/core,
// cluster_builder.go and cluster_traffic_policy.go).
import { isIPv4, isIPv6 } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  type CircuitBreakers,
  CircuitBreakersSchema,
} from '@inmesh/core/gen/envoy/config/cluster/v3/circuit_breaker_pb.ts'
import {
  type Cluster,
  Cluster_DiscoveryType as DiscoveryType,
  Cluster_DnsLookupFamily as DnsLookupFamily,
  Cluster_LbPolicy as LbPolicy,
  ClusterSchema,
} from '@inmesh/core/gen/envoy/config/cluster/v3/cluster_pb.ts'
import { ApiVersion } from '@inmesh/core/gen/envoy/config/core/v3/config_source_pb.ts'
import type { Subset } from '../model/destination-rule.ts'
import type { Instance } from '../model/instance.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import type { MeshPort, MeshService } from '../model/mesh-service.ts'
import type { Proxy } from '../model/proxy.ts'
import type { DestinationPolicy } from '../model/push-context.ts'
import type { ConnectionPool, SimpleBalancer } from '../model/traffic-policy.ts'
import { effectivePolicy } from './effective-policy.ts'
import { encodeResource } from './encode.ts'
import { loadAssignment } from './endpoint.ts'
import { HTTP_PROTOCOL_OPTIONS, httpProtocolOptions } from './http-protocol-options.ts'
import { configPath, istioMetadata, serviceList } from './istio-metadata.ts'
import { outboundName, PASSTHROUGH_CLUSTER } from './names.ts'
import { outlierDetection } from './outlier.ts'
import type { TranslatedResource } from './resource.ts'

/** What a cluster is made of. */
export interface ClusterInputs {
  readonly service: MeshService
  readonly port: MeshPort
  /** Null: the whole service. */
  readonly subset: Subset | null
  readonly policy: DestinationPolicy | null
  /** Of services that are found by DNS: the names to look up; empty for others. */
  readonly instances: readonly Instance[]
  readonly mesh: MeshConfig
}

/** The cluster `outbound|port|subset|host`. */
export function outboundCluster(inputs: ClusterInputs, proxy: Pick<Proxy, 'ips'>): TranslatedResource {
  const { service, port, subset, policy, mesh } = inputs
  const name = outboundName(port.number, subset?.name ?? '', service.host)
  const effective = effectivePolicy(policy, subset, port.number)
  const cluster = create(ClusterSchema, {
    name,
    altStatName: `${name};`,
    connectTimeout: durationFromMs(effective.connectionPool?.tcp?.connectTimeout ?? mesh.connectTimeout),
    circuitBreakers: circuitBreakers(effective.connectionPool),
    lbPolicy: balancing(effective.loadBalancer?.simple ?? null),
    metadata: istioMetadata({
      config: policy === null ? undefined : configPath(policy.object),
      subset: subset?.name,
      services: serviceList([service]),
      default_original_port: port.number,
      external: service.external ? true : undefined,
    }),
  })
  setDiscovery(cluster, inputs, proxy)
  const outlier = effective.outlierDetection
  if (outlier !== null) cluster.outlierDetection = outlierDetection(outlier)
  if (outlier !== null || cluster.edsClusterConfig !== undefined) {
    // Endpoints known to be unhealthy are sent too: panic would call them.
    cluster.commonLbConfig = create(ClusterSchema, {
      commonLbConfig: { healthyPanicThreshold: { value: outlier?.minHealthPercent ?? 0 } },
    }).commonLbConfig
  }
  const options = httpProtocolOptions(port.protocol, effective.connectionPool, mesh)
  if (options !== null) cluster.typedExtensionProtocolOptions = { [HTTP_PROTOCOL_OPTIONS]: options }
  return encodeResource(ClusterSchema, name, cluster)
}

/** The cluster that dials the address that the caller asked for. */
export function passthroughCluster(mesh: MeshConfig): TranslatedResource {
  const cluster = create(ClusterSchema, {
    name: PASSTHROUGH_CLUSTER,
    altStatName: `${PASSTHROUGH_CLUSTER};`,
    clusterDiscoveryType: { case: 'type', value: DiscoveryType.ORIGINAL_DST },
    lbPolicy: LbPolicy.CLUSTER_PROVIDED,
    connectTimeout: durationFromMs(mesh.connectTimeout),
    circuitBreakers: circuitBreakers(null),
  })
  const options = httpProtocolOptions('auto', null, mesh)
  if (options !== null) cluster.typedExtensionProtocolOptions = { [HTTP_PROTOCOL_OPTIONS]: options }
  return encodeResource(ClusterSchema, PASSTHROUGH_CLUSTER, cluster)
}

function setDiscovery(cluster: Cluster, inputs: ClusterInputs, proxy: Pick<Proxy, 'ips'>): void {
  const { service, instances, mesh } = inputs
  if (service.resolution === 'none' || cluster.lbPolicy === LbPolicy.CLUSTER_PROVIDED) {
    cluster.clusterDiscoveryType = { case: 'type', value: DiscoveryType.ORIGINAL_DST }
    cluster.lbPolicy = LbPolicy.CLUSTER_PROVIDED
    return
  }
  if (service.resolution === 'endpoints') {
    cluster.clusterDiscoveryType = { case: 'type', value: DiscoveryType.EDS }
    cluster.edsClusterConfig = create(ClusterSchema, {
      edsClusterConfig: {
        serviceName: cluster.name,
        edsConfig: {
          configSourceSpecifier: { case: 'ads', value: {} },
          initialFetchTimeout: durationFromMs(0),
          resourceApiVersion: ApiVersion.V3,
        },
      },
    }).edsClusterConfig
    return
  }
  // LOGICAL_DNS takes exactly one name.
  const logical = service.resolution === 'dns_round_robin' && instances.length > 0
  const type = logical ? DiscoveryType.LOGICAL_DNS : DiscoveryType.STRICT_DNS
  cluster.clusterDiscoveryType = { case: 'type', value: type }
  cluster.loadAssignment = loadAssignment(cluster.name, logical ? instances.slice(0, 1) : instances)
  cluster.dnsRefreshRate = durationFromMs(mesh.dnsRefreshRate)
  cluster.respectDnsTtl = true
  cluster.dnsLookupFamily = dnsFamily(proxy.ips)
}

// Addresses of the kind that the proxy has itself.
function dnsFamily(ips: readonly string[]): DnsLookupFamily {
  const v4 = ips.some((ip) => isIPv4(ip))
  const v6 = ips.some((ip) => isIPv6(ip))
  if (v4 && v6) return DnsLookupFamily.ALL
  return v6 ? DnsLookupFamily.V6_ONLY : DnsLookupFamily.V4_ONLY
}

function balancing(simple: SimpleBalancer | null): LbPolicy {
  switch (simple) {
    case 'ROUND_ROBIN':
      return LbPolicy.ROUND_ROBIN
    case 'RANDOM':
      return LbPolicy.RANDOM
    case 'PASSTHROUGH':
      return LbPolicy.CLUSTER_PROVIDED
    case 'LEAST_REQUEST':
    case 'LEAST_CONN':
    case 'UNSPECIFIED':
    case null:
      return LbPolicy.LEAST_REQUEST
  }
}

// Without a DestinationRule there is no limit, against Envoy's 1024.
function circuitBreakers(pool: ConnectionPool | null): CircuitBreakers {
  return create(CircuitBreakersSchema, {
    thresholds: [
      {
        maxConnections: limit(pool?.tcp?.maxConnections),
        maxPendingRequests: limit(pool?.http?.http1MaxPendingRequests),
        maxRequests: limit(pool?.http?.http2MaxRequests),
        maxRetries: limit(pool?.http?.maxRetries),
      },
    ],
  })
}

function limit(given: number | null | undefined): number {
  return given === null || given === undefined || given <= 0 ? NO_LIMIT : given
}

const NO_LIMIT = 4_294_967_295
