// The http_filters of a connection manager: which entries become filters of ours, which are passed over with a warning and
// which make the resource unacceptable (gRFC A39 and law 3: a NACK is for what would be unsafe to ignore). Order is xDS's.
import type { FilterRuntime, HttpFilter, HttpFilterFactory } from '../exchange/http-filter.ts'
import type { HttpFilterConfig } from '../resources/listener.ts'
import { innerTypeUrl } from './typed-struct.ts'

/** The filters that Istio's own entries stand for; built by whoever composes a connection manager. */
export interface BuiltInFilters {
  /** For `istio.stats`. */
  readonly stats: HttpFilter
  /** For `istio.metadata_exchange` / peer_metadata. */
  readonly peerMetadata: HttpFilter
}

export type BuiltIn = keyof BuiltInFilters

/** One entry of http_filters that is honoured. */
export interface DecodedFilter {
  /** The entry's name, by which routes override it. */
  readonly name: string
  /** Its place in http_filters, and in CompiledRoute.overrides. */
  readonly slot: number
  /** The built-in that it stands for; null for a factory's. */
  readonly builtIn: BuiltIn | null
  readonly factory: HttpFilterFactory<unknown> | null
  readonly config: unknown
}

/** What http_filters came to. With errors the resource is to be rejected. */
export interface DecodedFilters {
  readonly filters: readonly DecodedFilter[]
  /** Filter name by slot, also of entries that are not honoured: where a route's override of that name goes. */
  readonly names: readonly string[]
  readonly warnings: readonly string[]
  readonly errors: readonly string[]
}

/** What a route's override came to; `config` undefined: nothing reads it. */
export type DecodedOverride =
  | { readonly ok: true; readonly config: unknown; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly string[] }

/** The filters that this process knows, by the type of their configuration. */
export class HttpFilterRegistry {
  readonly #factories = new Map<string, HttpFilterFactory<unknown>>()

  constructor(factories: readonly HttpFilterFactory<unknown>[] = []) {
    for (const factory of factories) for (const typeUrl of factory.typeUrls) this.#factories.set(typeUrl, factory)
  }

  /** Decodes http_filters, all reasons at once. */
  decodeAll(configs: readonly HttpFilterConfig[]): DecodedFilters {
    const filters: DecodedFilter[] = []
    const warnings: string[] = []
    const errors: string[] = []
    configs.forEach((config, slot) => {
      const typeUrl = innerTypeUrl(config)
      if (typeUrl === ROUTER) return
      const builtIn = BUILT_INS.get(typeUrl) ?? null
      const factory = this.#factories.get(typeUrl) ?? null
      if (config.disabled) {
        warnings.push(`http filter "${config.name}" is disabled and left out`)
      } else if (builtIn !== null) {
        filters.push({ name: config.name, slot, builtIn, factory: null, config: null })
      } else if (factory !== null) {
        const decoded = factory.decode(config)
        if (decoded.ok) {
          filters.push({ name: config.name, slot, builtIn: null, factory, config: decoded.config })
          for (const warning of decoded.warnings) warnings.push(`http filter "${config.name}": ${warning}`)
        } else for (const error of decoded.errors) errors.push(`http filter "${config.name}": ${error}`)
      } else {
        const verdict = judge(config.name, typeUrl, config.isOptional)
        ;(verdict.error ? errors : warnings).push(`http filter ${verdict.text}`)
      }
    })
    return { filters, names: configs.map((config) => config.name), warnings, errors }
  }

  /** Decodes a route's typed_per_filter_config for the filter at `slot` of what decodeAll gave. */
  decodeOverride(decoded: DecodedFilters, slot: number, config: HttpFilterConfig): DecodedOverride {
    const typeUrl = innerTypeUrl(config)
    const filter = decoded.filters.find((candidate) => candidate.slot === slot)
    if (filter !== undefined && filter.factory !== null) return filter.factory.decode(config)
    if (filter !== undefined || BUILT_INS.has(typeUrl)) return { ok: true, config: undefined, warnings: [] }
    const verdict = judge(config.name, typeUrl, config.isOptional)
    if (verdict.error) return { ok: false, errors: [`route override for ${verdict.text}`] }
    return { ok: true, config: undefined, warnings: [`route override for ${verdict.text}`] }
  }

  /** Builds the filters in order; those that have nothing to do are left out. */
  create(filters: readonly DecodedFilter[], builtIns: BuiltInFilters, runtime: FilterRuntime): HttpFilter[] {
    const built: HttpFilter[] = []
    for (const { builtIn, factory, config } of filters) {
      const filter = builtIn === null ? (factory?.create(config, runtime) ?? null) : builtIns[builtIn]
      if (filter !== null) built.push(filter)
    }
    return built
  }
}

/** Which of the built-ins http_filters already has a place for; the others are the composer's to add. */
export function builtInsOf(decoded: DecodedFilters): ReadonlySet<BuiltIn> {
  const found = new Set<BuiltIn>()
  for (const { builtIn } of decoded.filters) if (builtIn !== null) found.add(builtIn)
  return found
}

function judge(name: string, typeUrl: string, isOptional: boolean): { readonly error: boolean; readonly text: string } {
  const what = `"${name}" (${typeUrl})`
  if (isSecurity(typeUrl)) return { error: true, text: `${what} enforces security and cannot be honoured yet` }
  if (NOT_HONOURED.has(typeUrl)) return { error: false, text: `${what} is not honoured yet` }
  if (isOptional) return { error: false, text: `${what} is not known and is_optional: passed over` }
  return { error: true, text: `${what} is not known` }
}

function isSecurity(typeUrl: string): boolean {
  for (const prefix of SECURITY) if (typeUrl.startsWith(prefix)) return true
  return false
}

const ROUTER = 'envoy.extensions.filters.http.router.v3.Router'
const BUILT_INS: ReadonlyMap<string, BuiltIn> = new Map([
  ['stats.PluginConfig', 'stats'],
  ['io.istio.http.peer_metadata.Config', 'peerMetadata'],
])
// By package, so that a filter's per-route messages (RBACPerRoute, ...) count as the filter does.
const SECURITY: readonly string[] = [
  'envoy.extensions.filters.http.rbac.',
  'envoy.extensions.filters.http.jwt_authn.',
  'envoy.extensions.filters.http.ext_authz.',
  'istio.envoy.config.filter.http.authn.',
]
const NOT_HONOURED: ReadonlySet<string> = new Set([
  'envoy.extensions.filters.http.fault.v3.HTTPFault',
  'envoy.extensions.filters.http.cors.v3.Cors',
  'envoy.extensions.filters.http.cors.v3.CorsPolicy',
  'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
  'envoy.extensions.filters.http.ratelimit.v3.RateLimit',
  'envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute',
  'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
  'envoy.extensions.filters.http.grpc_web.v3.GrpcWeb',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSession',
  'envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute',
  'envoy.extensions.filters.http.compressor.v3.Compressor',
  'envoy.extensions.filters.http.compressor.v3.CompressorPerRoute',
  'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
])
