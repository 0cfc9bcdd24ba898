// The labels of Istio's standard metrics and where their values come from, for both reporters (istio.io "Istio Standard
// Metrics"; istio/proxy's stats filter for order and fallbacks). Called once per series, never per request.
import type { DestinationService } from '../cluster/cluster.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Peer } from '../exchange/peer.ts'
import { responseFlagsText } from '../exchange/response-flag.ts'
import type { CompiledRoute } from '../route/route.ts'
import type { Metadata } from '../resources/origin.ts'

/** Names in the order in which Istio's proxy emits them. */
export const ISTIO_LABELS = [
  'reporter',
  'source_workload',
  'source_canonical_service',
  'source_canonical_revision',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_service_name',
  'destination_service_namespace',
  'destination_cluster',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
] as const

export type IstioLabel = (typeof ISTIO_LABELS)[number]

/** What the labels say of the answer. */
export interface ResponseLabels {
  readonly grpc: boolean
  /** 0 when there was no answer. */
  readonly status: number
  /** null when the request is not gRPC or got no answer. */
  readonly grpcStatus: number | null
  /** Response flags as bits. */
  readonly flags: number
}

/** The destination as two labels: `destination_service` and `destination_service_name`; null is not known. */
export interface ServiceLabels {
  readonly host: string | null
  readonly name: string | null
}

/** Values for a completed exchange, in the order of ISTIO_LABELS. `self` is this workload, `principal` its SPIFFE id. */
export function istioLabels(x: Exchange, self: Peer, response: ResponseLabels): string[] {
  return x.side === 'outbound' ? sourceLabels(x, self, response) : destinationLabels(x, self, response)
}

/** The workload at the other end as telemetry knows it: what it said of itself, else what endpoint metadata says of it. */
export function peerForLabels(x: Exchange): Peer | null {
  if (x.peer !== null) return x.peer
  return x.side === 'outbound' && x.endpoint !== null ? x.endpoint.peer : null
}

/**
 * The name that stands for a destination outside the mesh's services, or null: `BlackHoleCluster` for a route named
 * block_all, `PassthroughCluster` for allow_any, and the pass-through clusters' own names.
 */
export function catchAllName(route: CompiledRoute | null, cluster: string | null): string | null {
  if (route !== null) {
    if (route.name === 'block_all') return 'BlackHoleCluster'
    if (route.name === 'allow_any') return 'PassthroughCluster'
  }
  return cluster !== null && CATCH_ALL_CLUSTERS.has(cluster) ? cluster : null
}

/** `istio.services[0]` of a route's or cluster's metadata; null when there is none. */
export function serviceOfMetadata(metadata: Metadata): DestinationService | null {
  const services = metadata['istio']?.['services']
  const first: unknown = Array.isArray(services) ? services[0] : undefined
  if (typeof first !== 'object' || first === null) return null
  const { host, name, namespace } = first as Record<string, unknown>
  if (typeof host !== 'string') return null
  const dot = host.indexOf('.')
  return {
    host,
    name: typeof name === 'string' ? name : dot < 0 ? host : host.slice(0, dot),
    namespace: typeof namespace === 'string' ? namespace : '',
  }
}

function sourceLabels(x: Exchange, self: Peer, response: ResponseLabels): string[] {
  const peer = peerForLabels(x)
  const namespace = namespaceOf(peer)
  const service = outboundService(x)
  return [
    'source',
    self.workload ?? '',
    self.canonicalService ?? '',
    self.canonicalRevision ?? '',
    self.namespace ?? '',
    // The upstream's certificate is known only after a mutual handshake, so ours was shown too.
    peer?.principal ? known(self.principal) : UNKNOWN,
    self.app ?? '',
    self.version ?? '',
    self.cluster ?? '',
    known(peer?.workload),
    namespace,
    known(peer?.principal),
    known(peer?.app),
    known(peer?.version),
    known(service.host),
    known(peer?.canonicalService),
    peer?.canonicalRevision ? peer.canonicalRevision : LATEST,
    known(service.name),
    namespace,
    known(peer?.cluster),
    ...responseLabels(response),
    // What the upstream demanded is for its own reporter to say.
    UNKNOWN,
  ]
}

function destinationLabels(x: Exchange, self: Peer, response: ResponseLabels): string[] {
  const peer = peerForLabels(x)
  const mtls = x.connection !== null && x.connection.mtls
  const service = inboundService(x)
  const canonical = self.canonicalService ?? ''
  return [
    'destination',
    known(peer?.workload),
    known(peer?.canonicalService),
    peer?.canonicalRevision ? peer.canonicalRevision : LATEST,
    namespaceOf(peer),
    known(peer?.principal),
    known(peer?.app),
    known(peer?.version),
    known(peer?.cluster),
    self.workload ?? '',
    self.namespace ?? '',
    mtls ? known(self.principal) : UNKNOWN,
    self.app ?? '',
    self.version ?? '',
    service.host ?? canonical,
    canonical,
    self.canonicalRevision ?? '',
    service.name ?? canonical,
    self.namespace ?? '',
    self.cluster ?? '',
    ...responseLabels(response),
    mtls ? 'mutual_tls' : 'none',
  ]
}

/** Outbound, the Host header stands in for what metadata doesn't say. */
function outboundService(x: Exchange): ServiceLabels {
  const host = x.request.authority === '' ? null : x.request.authority
  const catchAll = catchAllName(x.route, x.cluster === null ? null : x.cluster.name)
  if (catchAll !== null) return { host, name: catchAll }
  const service = x.cluster === null ? null : x.cluster.service
  return service === null ? { host, name: host } : service
}

/** Inbound, the Host header is the caller's to choose: it is no fallback, our own canonical name is. */
function inboundService(x: Exchange): ServiceLabels {
  const catchAll = catchAllName(x.route, x.cluster === null ? null : x.cluster.name)
  if (catchAll !== null) return { host: null, name: catchAll }
  const service = x.cluster?.service ?? (x.route === null ? null : serviceOfMetadata(x.route.metadata))
  return service ?? NO_SERVICE
}

function responseLabels(response: ResponseLabels): [string, string, string, string] {
  return [
    response.grpc ? 'grpc' : 'http',
    String(response.status),
    response.grpcStatus === null ? '' : String(response.grpcStatus),
    responseFlagsText(response.flags),
  ]
}

/** The certificate's namespace wins over what the peer says of itself. */
function namespaceOf(peer: Peer | null): string {
  if (peer === null) return UNKNOWN
  return known((peer.principal === null ? null : namespaceOfPrincipal(peer.principal)) ?? peer.namespace)
}

/** `spiffe://cluster.local/ns/NAMESPACE/sa/...`: the part after `/ns/`. */
function namespaceOfPrincipal(principal: string): string | null {
  const at = principal.indexOf('/ns/')
  if (at < 0) return null
  const begin = at + 4
  const end = principal.indexOf('/', begin)
  const namespace = end < 0 ? principal.slice(begin) : principal.slice(begin, end)
  return namespace === '' ? null : namespace
}

function known(value: string | null | undefined): string {
  return value === null || value === undefined || value === '' ? UNKNOWN : value
}

const UNKNOWN = 'unknown'
const LATEST = 'latest'
const NO_SERVICE: ServiceLabels = { host: null, name: null }
const CATCH_ALL_CLUSTERS: ReadonlySet<string> = new Set([
  'BlackHoleCluster',
  'PassthroughCluster',
  'InboundPassthroughCluster',
  'InboundPassthroughClusterIpv4',
  'InboundPassthroughClusterIpv6',
])
