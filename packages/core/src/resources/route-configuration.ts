// The RouteConfiguration resource, decoded (config/route/v3): what route/ compiles. Fields that no part honours yet are
// named in the support table of route-configuration.decode.ts.
import type { Fraction, HeaderMatch, QueryParameterMatch } from './matchers.ts'
import type { HttpFilterConfig } from './listener.ts'
import type { Metadata, Origin } from './origin.ts'

export interface RouteConfiguration {
  readonly origin: Origin
  readonly name: string
  readonly virtualHosts: readonly VirtualHost[]
  readonly ignorePortInHostMatching: boolean
  readonly headers: HeaderMutations
  /** Decoded most specific last: Envoy applies route, virtual host, then route configuration; true turns that round. */
  readonly mostSpecificHeaderMutationsWins: boolean
  readonly filterOverrides: FilterOverrides
}

export interface VirtualHost {
  readonly name: string
  readonly domains: readonly string[]
  readonly routes: readonly Route[]
  readonly retryPolicy: RetryPolicy | null
  readonly headers: HeaderMutations
  readonly includeAttemptCountInRequest: boolean
  readonly includeAttemptCountInResponse: boolean
  readonly filterOverrides: FilterOverrides
  readonly metadata: Metadata
}

/** typed_per_filter_config by filter name. */
export type FilterOverrides = ReadonlyMap<string, HttpFilterConfig>

export interface Route {
  readonly name: string
  readonly match: RouteMatch
  readonly action: RouteAction | DirectResponseAction | RedirectAction | NonForwardingAction | UnsupportedAction
  readonly headers: HeaderMutations
  readonly filterOverrides: FilterOverrides
  readonly metadata: Metadata
  /** Operation name of the decorator, for spans. */
  readonly decoratorOperation: string | null
}

export interface RouteMatch {
  readonly path:
    | { readonly kind: 'prefix' | 'exact' | 'path_separated_prefix' | 'regex' | 'uri_template'; readonly value: string }
    | { readonly kind: 'connect' }
  readonly caseSensitive: boolean
  readonly headers: readonly HeaderMatch[]
  readonly queryParameters: readonly QueryParameterMatch[]
  readonly grpc: boolean
  readonly fraction: Fraction | null
}

/** Forwards to a cluster. */
export interface RouteAction {
  readonly kind: 'route'
  readonly target:
    | { readonly kind: 'cluster'; readonly cluster: string }
    | { readonly kind: 'weighted'; readonly clusters: readonly WeightedCluster[]; readonly totalWeight: number }
    | { readonly kind: 'cluster_header'; readonly header: string }
  /** Milliseconds; 0 is no timeout; null is Envoy's default of 15,000. */
  readonly timeoutMs: number | null
  readonly idleTimeoutMs: number | null
  readonly maxStreamDurationMs: number | null
  readonly retryPolicy: RetryPolicy | null
  readonly prefixRewrite: string | null
  /** Rewrites the whole path without its query; groups are `\\1` as in RE2. */
  readonly regexRewrite: RegexRewrite | null
  readonly hostRewriteLiteral: string | null
  readonly appendXForwardedHost: boolean
  readonly autoHostRewrite: boolean
}

/** `type.matcher.v3.RegexMatchAndSubstitute`. */
export interface RegexRewrite {
  readonly pattern: string
  readonly substitution: string
}

export interface WeightedCluster {
  readonly cluster: string
  readonly weight: number
  readonly headers: HeaderMutations
  readonly filterOverrides: FilterOverrides
  readonly hostRewriteLiteral: string | null
}

export interface DirectResponseAction {
  readonly kind: 'direct_response'
  readonly status: number
  readonly body: Uint8Array | null
}

export interface RedirectAction {
  readonly kind: 'redirect'
  /** 301, 302, 303, 307 or 308. */
  readonly status: number
  readonly scheme: string | null
  readonly host: string | null
  readonly port: number | null
  readonly path: string | null
  readonly prefixRewrite: string | null
  readonly regexRewrite: RegexRewrite | null
  readonly stripQuery: boolean
}

/** The request goes to the application behind this listener (gRFC A36). */
export interface NonForwardingAction {
  readonly kind: 'non_forwarding'
}

/** An action we can't carry out; the route still matches and answers 500, so that no later route takes its place. */
export interface UnsupportedAction {
  readonly kind: 'unsupported'
  readonly what: string
}

/** `config.route.v3.RetryPolicy`. */
export interface RetryPolicy {
  /** Tokens of retry_on and retry_grpc_on, in order. */
  readonly retryOn: readonly string[]
  readonly numRetries: number
  readonly perTryTimeoutMs: number | null
  readonly retriableStatusCodes: readonly number[]
  readonly retriableHeaders: readonly HeaderMatch[]
  /** Milliseconds; Envoy's defaults are 25 and ten times the base. */
  readonly backOff: { readonly baseMs: number; readonly maxMs: number }
  /** retry_host_predicate has previous_hosts: hosts already tried are not picked again. */
  readonly previousHosts: boolean
  readonly hostSelectionMaxAttempts: number
}

/** Header changes of one level, in order: removals first, then additions, as Envoy applies them. */
export interface HeaderMutations {
  readonly requestAdd: readonly HeaderAddition[]
  readonly requestRemove: readonly string[]
  readonly responseAdd: readonly HeaderAddition[]
  readonly responseRemove: readonly string[]
}

export interface HeaderAddition {
  /** Lower case. */
  readonly name: string
  readonly value: string
  readonly action: 'append' | 'add_if_absent' | 'overwrite_or_add' | 'overwrite_if_exists'
  readonly keepEmptyValue: boolean
}
