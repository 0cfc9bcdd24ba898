// Small xDS resources, encoded, for tests: what a control plane would send, in a line or two. Whatever a builder has no
// word for can be given as `message`, a partial Envoy message whose fields are laid over what the builder made.
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { anyPack, type Any } from '@bufbuild/protobuf/wkt'
import { ClusterSchema, Cluster_DiscoveryType, Cluster_LbPolicy } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { type AccessLog, AccessLogSchema } from '../gen/envoy/config/accesslog/v3/accesslog_pb.ts'
import { CircuitBreakersSchema } from '../gen/envoy/config/cluster/v3/circuit_breaker_pb.ts'
import { type OutlierDetection, OutlierDetectionSchema } from '../gen/envoy/config/cluster/v3/outlier_detection_pb.ts'
import { type Address, AddressSchema } from '../gen/envoy/config/core/v3/address_pb.ts'
import { MetadataSchema } from '../gen/envoy/config/core/v3/base_pb.ts'
import { HealthStatus } from '../gen/envoy/config/core/v3/health_check_pb.ts'
import {
  type LbEndpoint,
  LbEndpointSchema,
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { FileAccessLogSchema } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts'
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  HttpConnectionManager_TracingSchema,
  RdsSchema,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { duration, overlay, type RouteConfigurationSpec, routeConfigurationMessage } from './route-builders.ts'

export { duration } from './route-builders.ts'
export type { RetrySpec, RouteConfigurationSpec, RouteSpec, VirtualHostSpec } from './route-builders.ts'

/** A resource as it lies in a DiscoveryResponse's Any, with the name it is asked for by. */
export interface EncodedResource {
  /** With `type.googleapis.com/`. */
  readonly typeUrl: string
  readonly name: string
  readonly value: Uint8Array
}

/** What the listener builders say of an HTTP connection manager. */
export interface HttpSpec {
  /** RDS name; without it `routes` are inline. */
  readonly rds?: string
  readonly routes?: Omit<RouteConfigurationSpec, 'name'> & { readonly name?: string }
  /** Filters before the router, which is always added. */
  readonly httpFilters?: readonly { readonly name: string; readonly config: Any }[]
  /** Text format of an access log on /dev/stdout; no access log without it. */
  readonly accessLog?: string
  /** Percent of requests traced; no tracing without it. */
  readonly randomSampling?: number
  /** Fields of HttpConnectionManager beside these. */
  readonly http?: MessageInitShape<typeof HttpConnectionManagerSchema>
}

/** An outbound listener of the on-demand naming: an api_listener with RDS or inline routes. */
export function apiListener(
  spec: HttpSpec & { readonly name: string; readonly message?: MessageInitShape<typeof ListenerSchema> },
): EncodedResource {
  const listener = create(ListenerSchema, {
    name: spec.name,
    apiListener: { apiListener: anyPack(HttpConnectionManagerSchema, httpConnectionManager(spec)) },
  })
  return encoded(ListenerSchema, spec.name, overlay(ListenerSchema, listener, spec.message))
}

/** An inbound listener with one plaintext filter chain. Without routes, everything goes to the application. */
export function inboundListener(
  spec: HttpSpec & {
    readonly address: string
    readonly port: number
    /** Istio's name for `address:port` unless given. */
    readonly name?: string
    readonly message?: MessageInitShape<typeof ListenerSchema>
  },
): EncodedResource {
  const host = spec.address.includes(':') ? `[${spec.address}]` : spec.address
  const name = spec.name ?? `xds.istio.io/grpc/lds/inbound/${host}:${spec.port}`
  const routes = spec.routes ?? {
    name: `inbound|http|${spec.port}`,
    virtualHosts: [{ domains: ['*'], routes: [{ name: 'default', nonForwarding: true }] }],
  }
  const manager = anyPack(HttpConnectionManagerSchema, httpConnectionManager({ ...spec, routes }))
  const listener = create(ListenerSchema, {
    name,
    address: socketAddress(spec.address, spec.port),
    filterChains: [
      {
        name: 'inbound-plaintext',
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            configType: { case: 'typedConfig', value: manager },
          },
        ],
      },
    ],
  })
  return encoded(ListenerSchema, name, overlay(ListenerSchema, listener, spec.message))
}

/** A RouteConfiguration. */
export function routeConfiguration(spec: RouteConfigurationSpec): EncodedResource {
  return encoded(RouteConfigurationSchema, spec.name, routeConfigurationMessage(spec))
}

/** A cluster in short. */
export interface ClusterSpec {
  readonly name: string
  /** EDS name; the cluster's own unless given. */
  readonly serviceName?: string
  /** Envoy's default is round robin. */
  readonly loadBalancing?: 'round_robin' | 'least_request' | 'random' | 'ring_hash'
  readonly http2?: boolean
  readonly circuitBreakers?: {
    readonly maxConnections?: number
    readonly maxPendingRequests?: number
    readonly maxRequests?: number
    readonly maxRetries?: number
  }
  readonly outlierDetection?: {
    readonly consecutive5xx?: number
    readonly intervalMs?: number
    readonly baseEjectionTimeMs?: number
    readonly maxEjectionPercent?: number
  }
  /** `filter_metadata.istio.services[0]`. */
  readonly service?: { readonly host: string; readonly name: string; readonly namespace: string }
  readonly message?: MessageInitShape<typeof ClusterSchema>
}

/** A cluster whose endpoints come by EDS over ADS. */
export function edsCluster(spec: ClusterSpec): EncodedResource {
  const cluster = create(ClusterSchema, {
    name: spec.name,
    clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: {
      serviceName: spec.serviceName ?? '',
      edsConfig: { configSourceSpecifier: { case: 'ads', value: {} } },
    },
    lbPolicy: LB_POLICY[spec.loadBalancing ?? 'round_robin'],
  })
  if (spec.circuitBreakers !== undefined)
    cluster.circuitBreakers = create(CircuitBreakersSchema, { thresholds: [spec.circuitBreakers] })
  if (spec.outlierDetection !== undefined) cluster.outlierDetection = outlierDetection(spec.outlierDetection)
  if (spec.http2 === true) cluster.typedExtensionProtocolOptions = http2Options()
  if (spec.service !== undefined)
    cluster.metadata = create(MetadataSchema, { filterMetadata: { istio: { services: [{ ...spec.service }] } } })
  return encoded(ClusterSchema, spec.name, overlay(ClusterSchema, cluster, spec.message))
}

/** One endpoint of a load assignment. */
export interface EndpointSpec {
  readonly address: string
  readonly port: number
  readonly weight?: number
  /** `istio.workload`: `workload;namespace;canonical name;canonical revision;cluster`. */
  readonly workload?: string
  /** `config.core.v3.HealthStatus`; 1 (HEALTHY) unless given. */
  readonly health?: number
  /** Endpoints of one locality and priority stand together. */
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly subZone?: string }
  readonly priority?: number
  /** Metadata beside `istio.workload`. */
  readonly metadata?: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** A ClusterLoadAssignment; a locality weighs what its endpoints weigh together, as istiod sends it. */
export function loadAssignment(spec: {
  readonly cluster: string
  readonly endpoints: readonly EndpointSpec[]
  readonly message?: MessageInitShape<typeof ClusterLoadAssignmentSchema>
}): EncodedResource {
  const localities = new Map<string, EndpointSpec[]>()
  for (const endpoint of spec.endpoints) {
    const key = JSON.stringify([endpoint.priority ?? 0, endpoint.locality ?? {}])
    const same = localities.get(key)
    if (same === undefined) localities.set(key, [endpoint])
    else same.push(endpoint)
  }
  const assignment = create(ClusterLoadAssignmentSchema, {
    clusterName: spec.cluster,
    endpoints: [...localities.values()].map(localityEndpoints),
  })
  return encoded(
    ClusterLoadAssignmentSchema,
    spec.cluster,
    overlay(ClusterLoadAssignmentSchema, assignment, spec.message),
  )
}

function localityEndpoints(specs: readonly EndpointSpec[]): LocalityLbEndpoints {
  return create(LocalityLbEndpointsSchema, {
    locality: { ...(specs[0]?.locality as object) },
    priority: specs[0]?.priority ?? 0,
    loadBalancingWeight: Math.min(
      specs.reduce((sum, spec) => sum + (spec.weight ?? 1), 0),
      4_294_967_295,
    ),
    lbEndpoints: specs.map(lbEndpoint),
  })
}

function lbEndpoint(spec: EndpointSpec): LbEndpoint {
  const endpoint = create(LbEndpointSchema, {
    hostIdentifier: { case: 'endpoint', value: { address: socketAddress(spec.address, spec.port) } },
    healthStatus: (spec.health ?? HealthStatus.HEALTHY) as HealthStatus,
  })
  if (spec.weight !== undefined) endpoint.loadBalancingWeight = spec.weight
  if (spec.workload !== undefined || spec.metadata !== undefined) {
    const istio: Record<string, Record<string, string>> = spec.workload === undefined
      ? {}
      : { istio: { workload: spec.workload } }
    endpoint.metadata = create(MetadataSchema, { filterMetadata: { ...(spec.metadata as typeof istio), ...istio } })
  }
  return endpoint
}

/** Encodes any message as a resource. */
export function encoded<Desc extends DescMessage>(
  schema: Desc,
  name: string,
  message: MessageInitShape<Desc>,
): EncodedResource {
  return {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    name,
    value: toBinary(schema, create(schema, message)),
  }
}

/** `config.core.v3.Address` of an IP address and port. */
export function socketAddress(address: string, port: number): Address {
  return create(AddressSchema, {
    address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
  })
}

/** A connection manager's message: its filters end with the router. */
export function httpConnectionManager(spec: HttpSpec): HttpConnectionManager {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: 'test',
    httpFilters: [
      ...(spec.httpFilters ?? []),
      { name: 'envoy.filters.http.router', config: anyPack(RouterSchema, create(RouterSchema)) },
    ].map(({ name, config }) => ({ name, configType: { case: 'typedConfig' as const, value: config } })),
  })
  manager.routeSpecifier =
    spec.rds === undefined
      ? {
          case: 'routeConfig',
          value: routeConfigurationMessage({ name: 'inline', virtualHosts: [], ...spec.routes }),
        }
      : {
          case: 'rds',
          value: create(RdsSchema, {
            routeConfigName: spec.rds,
            configSource: { configSourceSpecifier: { case: 'ads', value: {} } },
          }),
        }
  if (spec.accessLog !== undefined) manager.accessLog = [fileAccessLog(spec.accessLog)]
  if (spec.randomSampling !== undefined)
    manager.tracing = create(HttpConnectionManager_TracingSchema, { randomSampling: { value: spec.randomSampling } })
  return overlay(HttpConnectionManagerSchema, manager, spec.http)
}

function fileAccessLog(text: string): AccessLog {
  const log = create(FileAccessLogSchema, {
    path: '/dev/stdout',
    accessLogFormat: {
      case: 'logFormat',
      value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: text } } } },
    },
  })
  return create(AccessLogSchema, {
    name: 'envoy.access_loggers.file',
    configType: { case: 'typedConfig', value: anyPack(FileAccessLogSchema, log) },
  })
}

function outlierDetection(spec: NonNullable<ClusterSpec['outlierDetection']>): OutlierDetection {
  const outlier = create(OutlierDetectionSchema, { enforcingSuccessRate: 0 })
  if (spec.consecutive5xx !== undefined) outlier.consecutive5xx = spec.consecutive5xx
  if (spec.intervalMs !== undefined) outlier.interval = duration(spec.intervalMs)
  if (spec.baseEjectionTimeMs !== undefined) outlier.baseEjectionTime = duration(spec.baseEjectionTimeMs)
  if (spec.maxEjectionPercent !== undefined) outlier.maxEjectionPercent = spec.maxEjectionPercent
  return outlier
}

function http2Options(): Record<string, Any> {
  const options = create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'explicitHttpConfig',
      value: { protocolConfig: { case: 'http2ProtocolOptions', value: {} } },
    },
  })
  return { [HttpProtocolOptionsSchema.typeName]: anyPack(HttpProtocolOptionsSchema, options) }
}

const LB_POLICY = {
  round_robin: Cluster_LbPolicy.ROUND_ROBIN,
  least_request: Cluster_LbPolicy.LEAST_REQUEST,
  random: Cluster_LbPolicy.RANDOM,
  ring_hash: Cluster_LbPolicy.RING_HASH,
} as const
