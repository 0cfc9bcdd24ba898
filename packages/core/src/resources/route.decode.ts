// One route: what it matches and what it does (config/route/v3 Route).
import type {
  DirectResponseAction as DirectResponseMessage,
  RedirectAction as RedirectMessage,
  Route as RouteMessage,
  RouteAction as RouteActionMessage,
  RouteMatch as RouteMatchMessage,
  WeightedCluster as WeightedClusterMessage,
} from '../gen/envoy/config/route/v3/route_components_pb.ts'
import type { RegexMatchAndSubstitute } from '../gen/envoy/type/matcher/v3/regex_pb.ts'
import { decodeHeaderMutations, decodeMetadata, durationMs } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import type { MatcherDecoder } from './matchers.decode.ts'
import { decodeOverrides } from './filter-overrides.decode.ts'
import { decodeRetryPolicy } from './retry-policy.decode.ts'
import type { RegexRewrite, Route, RouteAction, RouteMatch, WeightedCluster } from './route-configuration.ts'

/** Reads the routes of one virtual host. */
export class RouteDecoder {
  readonly #findings: Findings
  readonly #matchers: MatcherDecoder
  readonly #maxDirectResponseBytes: number

  constructor(findings: Findings, matchers: MatcherDecoder, maxDirectResponseBytes: number) {
    this.#findings = findings
    this.#matchers = matchers
    this.#maxDirectResponseBytes = maxDirectResponseBytes
  }

  decode(route: RouteMessage, path: string): Route {
    return {
      name: route.name,
      match: this.#match(route.match, `${path}.match`),
      action: this.#action(route, path),
      headers: decodeHeaderMutations(route, `${path}.`, this.#findings),
      filterOverrides: decodeOverrides(route.typedPerFilterConfig, `${path}.typed_per_filter_config`, this.#findings),
      metadata: decodeMetadata(route.metadata),
      decoratorOperation:
        route.decorator === undefined || route.decorator.operation === '' ? null : route.decorator.operation,
    }
  }

  #match(match: RouteMatchMessage | undefined, path: string): RouteMatch {
    if (match === undefined) {
      this.#findings.error(path, 'is missing')
      return NO_MATCH
    }
    return {
      path: this.#path(match, path),
      caseSensitive: match.caseSensitive ?? true,
      headers: match.headers.map((header, i) => this.#matchers.header(header, `${path}.headers[${i}]`)),
      queryParameters: match.queryParameters.map((parameter, i) =>
        this.#matchers.queryParameter(parameter, `${path}.query_parameters[${i}]`),
      ),
      grpc: match.grpc !== undefined,
      fraction: this.#matchers.fraction(match.runtimeFraction, `${path}.runtime_fraction`),
    }
  }

  #path({ pathSpecifier: specifier }: RouteMatchMessage, path: string): RouteMatch['path'] {
    switch (specifier.case) {
      case 'prefix':
        return { kind: 'prefix', value: specifier.value }
      case 'path':
        return { kind: 'exact', value: specifier.value }
      case 'pathSeparatedPrefix':
        if (!/^[^?#]+[^?#/]$/.test(specifier.value))
          this.#findings.error(`${path}.path_separated_prefix`, 'must not end in "/" nor have a query or fragment')
        return { kind: 'path_separated_prefix', value: specifier.value }
      case 'safeRegex':
        return { kind: 'regex', value: this.#matchers.regex(specifier.value.regex, `${path}.safe_regex`) }
      case 'connectMatcher':
        return { kind: 'connect' }
      // The support table refuses it.
      case 'pathMatchPolicy':
        return { kind: 'uri_template', value: '' }
      case undefined:
        this.#findings.error(path, 'has no path specifier')
        return NO_MATCH.path
    }
  }

  #action({ action }: RouteMessage, path: string): Route['action'] {
    switch (action.case) {
      case 'route':
        return this.#forward(action.value, `${path}.route`)
      case 'redirect':
        return this.#redirect(action.value, `${path}.redirect`)
      case 'directResponse':
        return this.#directResponse(action.value, `${path}.direct_response`)
      case 'nonForwardingAction':
        return { kind: 'non_forwarding' }
      case 'filterAction':
        return { kind: 'unsupported', what: 'filter_action' }
      case undefined:
        this.#findings.error(path, 'has no action')
        return { kind: 'non_forwarding' }
    }
  }

  #forward(action: RouteActionMessage, path: string): Route['action'] {
    const target = this.#target(action, path)
    const what = typeof target === 'string' ? target : unsupportedRewrite(action)
    if (typeof target === 'string' || what !== null) return { kind: 'unsupported', what: what ?? '' }
    const host = action.hostRewriteSpecifier
    if (action.prefixRewrite !== '' && action.regexRewrite !== undefined)
      this.#findings.error(path, 'prefix_rewrite and regex_rewrite are both set')
    if ((durationMs(action.maxGrpcTimeout, `${path}.max_grpc_timeout`, this.#findings) ?? 0) > 0) {
      this.#findings.value(
        'ignored',
        `${path}.max_grpc_timeout`,
        'grpc-timeout is not read: the timeout of the route applies',
      )
    }
    return {
      kind: 'route',
      target,
      timeoutMs: durationMs(action.timeout, `${path}.timeout`, this.#findings),
      idleTimeoutMs: durationMs(action.idleTimeout, `${path}.idle_timeout`, this.#findings),
      maxStreamDurationMs: durationMs(
        action.maxStreamDuration?.maxStreamDuration,
        `${path}.max_stream_duration.max_stream_duration`,
        this.#findings,
      ),
      retryPolicy: decodeRetryPolicy(action.retryPolicy, `${path}.retry_policy`, this.#findings, this.#matchers),
      prefixRewrite: action.prefixRewrite === '' ? null : action.prefixRewrite,
      regexRewrite: this.#regexRewrite(action.regexRewrite, `${path}.regex_rewrite`),
      hostRewriteLiteral: host.case === 'hostRewriteLiteral' && host.value !== '' ? host.value : null,
      appendXForwardedHost: action.appendXForwardedHost,
      autoHostRewrite: host.case === 'autoHostRewrite' && host.value.value,
    }
  }

  /** A text names the specifier that can't be carried out. */
  #target({ clusterSpecifier: specifier }: RouteActionMessage, path: string): RouteAction['target'] | string {
    switch (specifier.case) {
      case 'cluster':
        if (specifier.value === '') this.#findings.error(`${path}.cluster`, 'is empty')
        return { kind: 'cluster', cluster: specifier.value }
      case 'clusterHeader':
        if (specifier.value === '') this.#findings.error(`${path}.cluster_header`, 'is empty')
        return { kind: 'cluster_header', header: specifier.value.toLowerCase() }
      case 'weightedClusters':
        return this.#weighted(specifier.value, `${path}.weighted_clusters`)
      case 'clusterSpecifierPlugin':
        return 'cluster_specifier_plugin'
      case 'inlineClusterSpecifierPlugin':
        return 'inline_cluster_specifier_plugin'
      case undefined:
        this.#findings.error(path, 'has no cluster')
        return { kind: 'cluster', cluster: '' }
    }
  }

  #weighted(weighted: WeightedClusterMessage, path: string): RouteAction['target'] | string {
    let totalWeight = 0
    let byHeader = false
    const clusters = weighted.clusters.map((cluster, i): WeightedCluster => {
      const at = `${path}.clusters[${i}]`
      const weight = cluster.weight ?? 0
      totalWeight += weight
      if (cluster.clusterHeader !== '') byHeader = true
      else if (cluster.name === '') this.#findings.error(`${at}.name`, 'is empty')
      if (cluster.name !== '' && cluster.clusterHeader !== '')
        this.#findings.error(at, 'name and cluster_header are both set')
      const host = cluster.hostRewriteSpecifier
      return {
        cluster: cluster.name,
        weight,
        headers: decodeHeaderMutations(cluster, `${at}.`, this.#findings),
        filterOverrides: decodeOverrides(cluster.typedPerFilterConfig, `${at}.typed_per_filter_config`, this.#findings),
        hostRewriteLiteral: host.case === 'hostRewriteLiteral' && host.value !== '' ? host.value : null,
      }
    })
    if (clusters.length === 0) this.#findings.error(`${path}.clusters`, 'is empty')
    else if (totalWeight === 0) this.#findings.error(path, 'the weights add up to 0')
    else if (totalWeight > MAX_UINT32) this.#findings.error(path, 'the weights add up to more than 4294967295')
    return byHeader ? 'weighted_clusters.clusters.cluster_header' : { kind: 'weighted', clusters, totalWeight }
  }

  #redirect(redirect: RedirectMessage, path: string): Route['action'] {
    const status = REDIRECT_STATUSES[redirect.responseCode]
    if (status === undefined) this.#findings.error(`${path}.response_code`, `${redirect.responseCode} is not known`)
    if (redirect.portRedirect > 65_535)
      this.#findings.error(`${path}.port_redirect`, `${redirect.portRedirect} is no port`)
    const scheme = redirect.schemeRewriteSpecifier
    const rewrite = redirect.pathRewriteSpecifier
    return {
      kind: 'redirect',
      status: status ?? 301,
      scheme:
        scheme.case === 'schemeRedirect' && scheme.value !== ''
          ? scheme.value.toLowerCase()
          : scheme.case === 'httpsRedirect' && scheme.value
            ? 'https'
            : null,
      host: redirect.hostRedirect === '' ? null : redirect.hostRedirect,
      port: redirect.portRedirect === 0 ? null : redirect.portRedirect,
      path: rewrite.case === 'pathRedirect' && rewrite.value !== '' ? rewrite.value : null,
      prefixRewrite: rewrite.case === 'prefixRewrite' && rewrite.value !== '' ? rewrite.value : null,
      regexRewrite: rewrite.case === 'regexRewrite' ? this.#regexRewrite(rewrite.value, `${path}.regex_rewrite`) : null,
      stripQuery: redirect.stripQuery,
    }
  }

  #directResponse({ status, body }: DirectResponseMessage, path: string): Route['action'] {
    // Envoy: 200 to 599.
    if (status < 200 || status > 599) this.#findings.error(`${path}.status`, `${status} is not 200 to 599`)
    const source = body?.specifier
    const bytes =
      source?.case === 'inlineString' ? Buffer.from(source.value) : source?.case === 'inlineBytes' ? source.value : null
    if (bytes !== null && bytes.length > this.#maxDirectResponseBytes)
      this.#findings.error(`${path}.body`, `has more than ${this.#maxDirectResponseBytes} bytes`)
    return { kind: 'direct_response', status, body: bytes }
  }

  #regexRewrite(rewrite: RegexMatchAndSubstitute | undefined, path: string): RegexRewrite | null {
    if (rewrite === undefined) return null
    return {
      pattern: this.#matchers.regex(rewrite.pattern?.regex ?? '', `${path}.pattern`),
      substitution: rewrite.substitution,
    }
  }
}

/** The first rewrite that can't be carried out; the request must not leave without it. */
function unsupportedRewrite(action: RouteActionMessage): string | null {
  if (action.pathRewritePolicy !== undefined) return 'path_rewrite_policy'
  if (action.pathRewrite !== '') return 'path_rewrite'
  switch (action.hostRewriteSpecifier.case) {
    case 'hostRewriteHeader':
      return 'host_rewrite_header'
    case 'hostRewritePathRegex':
      return 'host_rewrite_path_regex'
    case 'hostRewrite':
      return 'host_rewrite'
    default:
      return null
  }
}

const NO_MATCH: RouteMatch = {
  path: { kind: 'prefix', value: '/' },
  caseSensitive: true,
  headers: [],
  queryParameters: [],
  grpc: false,
  fraction: null,
}
const MAX_UINT32 = 4_294_967_295
/** By number in RedirectAction.RedirectResponseCode. */
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308]
