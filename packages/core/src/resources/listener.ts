// The Listener resource and the HTTP connection manager inside it, decoded (config/listener/v3, http_connection_manager.v3).
import type { Metadata, Origin } from './origin.ts'
import type { RouteConfiguration } from './route-configuration.ts'

/** A decoded Listener. An outbound one of the on-demand naming has an `apiListener`, an inbound one has filter chains. */
export interface Listener {
  readonly origin: Origin
  readonly name: string
  readonly address: string | null
  readonly port: number | null
  readonly apiListener: HttpConnectionManager | null
  readonly filterChains: readonly FilterChain[]
  readonly defaultFilterChain: FilterChain | null
  readonly metadata: Metadata
}

/** A listener's filter chain: what a connection that matches gets. */
export interface FilterChain {
  readonly name: string
  readonly match: FilterChainMatch
  /** The connection manager, where the chain ends in HTTP. */
  readonly http: HttpConnectionManager | null
  /** The transport socket: null is plaintext, otherwise the decoded TLS context (identity, step 2). */
  readonly transportSocket: TransportSocket | null
}

/** `config.listener.v3.FilterChainMatch`; an empty list or null matches everything. */
export interface FilterChainMatch {
  readonly destinationPort: number | null
  readonly prefixRanges: readonly string[]
  readonly sourcePrefixRanges: readonly string[]
  readonly serverNames: readonly string[]
  /** '' for any, `tls` or `raw_buffer`. */
  readonly transportProtocol: string
  readonly applicationProtocols: readonly string[]
}

/** `config.core.v3.TransportSocket`, kept as bytes until the security part decodes it. */
export interface TransportSocket {
  readonly name: string
  /** Without `type.googleapis.com/`. */
  readonly typeUrl: string
  readonly value: Uint8Array
}

/** The HTTP connection manager: which routes, which filters, which log. */
export interface HttpConnectionManager {
  readonly statPrefix: string
  /** RDS name; null when the route configuration is inline. */
  readonly routeConfigName: string | null
  readonly inlineRouteConfig: RouteConfiguration | null
  /** In order, the router left out. */
  readonly httpFilters: readonly HttpFilterConfig[]
  readonly accessLogs: readonly AccessLogConfig[]
  /** Share of requests traced, 0 to 100; null when tracing is not configured. */
  readonly tracing: { readonly randomSampling: number } | null
  readonly streamIdleTimeoutMs: number | null
  readonly serverName: string
  readonly generateRequestId: boolean
  readonly preserveExternalRequestId: boolean
}

/** One entry of http_filters: a name and the configuration's type and bytes; the filter registry decodes it. */
export interface HttpFilterConfig {
  readonly name: string
  /** Without `type.googleapis.com/`; '' in an override that only disables. */
  readonly typeUrl: string
  readonly value: Uint8Array
  readonly isOptional: boolean
  readonly disabled: boolean
}

/** An access log of Envoy's file or stream logger. */
export interface AccessLogConfig {
  readonly path: string
  readonly format:
    | { readonly kind: 'text'; readonly text: string }
    | { readonly kind: 'json'; readonly fields: Readonly<Record<string, unknown>> }
}
