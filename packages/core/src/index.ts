// @inmesh/core: the mesh without a transport.

// For users.
export {
  BOOTSTRAP_MODES,
  type BootstrapMode,
  DISCOVERY_MODES,
  type DiscoveryMode,
  type MeshOptions,
  type WorkloadOptions,
  XDS_VARIANTS,
  type XdsVariant,
} from './options.ts'
export { ERROR_CODES, type ErrorCode, MeshError, type MeshErrorOptions } from './runtime/errors.ts'
export { LOG_LEVELS, type LogFields, type Logger, type LogLevel, silentLogger, stderrLogger } from './runtime/log.ts'

// For adapter authors: the mesh and its look-ups.
export { meshNotReady } from './bootstrap-wait.ts'
export { type CoreMesh, createCoreMesh, type MeshDependencies } from './create-mesh.ts'
export { disabledMesh } from './disabled-mesh.ts'
export type { ListenAddress, Mesh, Target } from './mesh.ts'
export { type ResolvedOptions, resolveOptions } from './options.ts'

// For adapter authors: requests.
export type { Connection, ConnectionFilter } from './exchange/connection.ts'
export { Exchange, type Side } from './exchange/exchange.ts'
export { RequestHead, ResponseHead } from './exchange/head.ts'
export { HeaderMap } from './exchange/header-map.ts'
export type { FilterRuntime, HttpFilter, HttpFilterFactory } from './exchange/http-filter.ts'
export { type Peer, unknownPeer } from './exchange/peer.ts'
export { replies, Reply } from './exchange/reply.ts'
export { ResponseFlag, responseFlagsText } from './exchange/response-flag.ts'
export { Slot } from './exchange/slot.ts'
export type { Inbound, InboundCall, InboundConnection, InboundReply } from './inbound.ts'
export { NOT_READY, type Outbound, type OutboundCall, PASS_THROUGH } from './outbound.ts'
export type { ResetReason } from './resilience/retry-policy.ts'
export type { Attempt } from './router/attempt.ts'
export type { AttemptSink } from './router/attempt-sink.ts'

// For adapter authors: what a request meets on its way.
export type { Cluster, ClusterLookup, DestinationService } from './cluster/cluster.ts'
export type { Endpoint } from './cluster/endpoint.ts'
export type { CompiledRoute } from './route/route.ts'

// For adapter authors: what travels from a request that is served to the calls made for it.
export { type ContextCarrier, noContext, type RequestContext, requestContextSlot } from './telemetry/request-context.ts'

// For adapter authors: the process around the mesh.
export { type Clock, systemClock, type Timer } from './runtime/clock.ts'
export type { Closeable, Subscription } from './runtime/closeable.ts'
export { type Environment, type HostFacts, readEnvironment } from './runtime/environment.ts'
export { ProcessHold } from './runtime/process-hold.ts'
export { type Random, seededRandom, systemRandom } from './runtime/random.ts'
export { VERSION } from './xds/node.ts'
export type { XdsStream, XdsTransport } from './xds/transport.ts'

// For control planes.
export { ISTIO_JSON_FIELDS, ISTIO_TEXT_FORMAT } from './telemetry/istio-access-log-format.ts'
