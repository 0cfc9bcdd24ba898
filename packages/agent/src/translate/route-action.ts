// What an HTTPRoute does, as Envoy's actions (istio pilot/pkg/networking/core/route/route.go).
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  type DirectResponseAction,
  DirectResponseActionSchema,
  type RedirectAction,
  RedirectActionSchema,
  RedirectAction_RedirectResponseCode as RedirectCode,
  type Route,
  type RouteAction,
  RouteActionSchema,
  type WeightedCluster_ClusterWeight,
  WeightedCluster_ClusterWeightSchema,
} from '@inmesh/core/gen/envoy/config/route/v3/route_components_pb.ts'
import { fullHostName } from '../model/host-name.ts'
import type { Destination, DirectResponse, HttpRoute, Redirect, RouteDestination } from '../model/http-route.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import type { MeshService } from '../model/mesh-service.ts'
import { headerFields, type HeaderFields } from './header-mutation.ts'
import { outboundName } from './names.ts'
import { retryPolicy } from './retry.ts'

/** What a route is translated in. */
export interface RouteScope {
  /** Namespace of the VirtualService, to which short host names belong. */
  readonly namespace: string
  /** Port that the caller asked for. */
  readonly port: number
  readonly mesh: MeshConfig
  /** The service of a full host name; null: the mesh has none. */
  service(host: string): MeshService | null
}

/** A destination as the mesh names it. The port is the one given, else the only one, else the caller's. */
export function resolveDestination(
  destination: Destination,
  scope: RouteScope,
): { readonly host: string; readonly port: number; readonly cluster: string } {
  const host = fullHostName(destination.host, scope.namespace)
  let { port } = destination
  if (port === null) {
    const service = scope.service(host)
    port = service !== null && service.ports.length === 1 ? (service.ports[0]?.number ?? scope.port) : scope.port
  }
  // A service with a wildcard has one cluster for all of its names.
  const name = scope.service(host)?.host ?? host
  return { host, port, cluster: outboundName(port, destination.subset, name) }
}

/** The action and, for a redirect or direct response, nothing else; null when the route does nothing that is honoured. */
export function routeAction(route: HttpRoute, scope: RouteScope): Route['action'] | null {
  if (route.redirect !== null) return { case: 'redirect', value: redirectAction(route.redirect, scope.port) }
  if (route.directResponse !== null) return { case: 'directResponse', value: directResponse(route.directResponse) }
  if (route.route.length === 0) return null
  return { case: 'route', value: forward(route, scope) }
}

/** The action of a route without a VirtualService. */
export function defaultRouteAction(cluster: string, mesh: MeshConfig, retries: boolean): RouteAction {
  const action = create(RouteActionSchema, {
    clusterSpecifier: { case: 'cluster', value: cluster },
    timeout: durationFromMs(0),
    maxGrpcTimeout: durationFromMs(0),
  })
  if (retries) action.retryPolicy = retryPolicy(null, mesh)
  return action
}

function forward(route: HttpRoute, scope: RouteScope): RouteAction {
  const timeout = durationFromMs(route.timeout ?? 0)
  const action = create(RouteActionSchema, { timeout, maxGrpcTimeout: timeout })
  action.retryPolicy = retryPolicy(route.retries, scope.mesh)
  const single = route.route.length === 1 ? (route.route[0] as RouteDestination) : null
  if (single === null) {
    const clusters = route.route
      .filter(({ weight }) => (weight ?? 0) > 0)
      .map((destination) => clusterWeight(destination, scope))
    action.clusterSpecifier = create(RouteActionSchema, {
      clusterSpecifier: { case: 'weightedClusters', value: { clusters } },
    }).clusterSpecifier
  } else {
    action.clusterSpecifier = { case: 'cluster', value: resolveDestination(single.destination, scope).cluster }
  }
  const ofDestination = single === null ? '' : headerFields(single.headers).authority
  const authority = ofDestination || route.rewrite?.authority || headerFields(route.headers).authority
  if (authority !== '') action.hostRewriteSpecifier = { case: 'hostRewriteLiteral', value: authority }
  if (route.rewrite !== null && route.rewrite.uri !== '') action.prefixRewrite = route.rewrite.uri
  if (route.rewrite?.uriRegexRewrite) {
    const { match, rewrite } = route.rewrite.uriRegexRewrite
    action.regexRewrite = create(RouteActionSchema, {
      regexRewrite: { pattern: { regex: match }, substitution: rewrite },
    }).regexRewrite
  }
  return action
}

/** Header changes of the route itself: its own and, when it has one destination, that destination's. */
export function routeHeaders(route: HttpRoute): Omit<HeaderFields, 'authority'> {
  const { authority: _, ...own } = headerFields(route.headers)
  const single = route.route.length === 1 ? (route.route[0] as RouteDestination) : null
  if (single === null) return own
  const more = headerFields(single.headers)
  return {
    requestHeadersToAdd: [...own.requestHeadersToAdd, ...more.requestHeadersToAdd],
    requestHeadersToRemove: [...own.requestHeadersToRemove, ...more.requestHeadersToRemove],
    responseHeadersToAdd: [...own.responseHeadersToAdd, ...more.responseHeadersToAdd],
    responseHeadersToRemove: [...own.responseHeadersToRemove, ...more.responseHeadersToRemove],
  }
}

function clusterWeight(destination: RouteDestination, scope: RouteScope): WeightedCluster_ClusterWeight {
  const { authority, ...headers } = headerFields(destination.headers)
  const weighted = create(WeightedCluster_ClusterWeightSchema, {
    name: resolveDestination(destination.destination, scope).cluster,
    weight: destination.weight ?? 0,
    ...headers,
  })
  if (authority !== '') weighted.hostRewriteSpecifier = { case: 'hostRewriteLiteral', value: authority }
  return weighted
}

function redirectAction(redirect: Redirect, port: number): RedirectAction {
  const action = create(RedirectActionSchema, {
    hostRedirect: redirect.authority,
    responseCode: REDIRECT_CODES[redirect.redirectCode] ?? RedirectCode.MOVED_PERMANENTLY,
  })
  if (redirect.scheme !== '') action.schemeRewriteSpecifier = { case: 'schemeRedirect', value: redirect.scheme }
  if (redirect.uri.startsWith(PREFIX_VARIABLE)) {
    action.pathRewriteSpecifier = { case: 'prefixRewrite', value: redirect.uri.slice(PREFIX_VARIABLE.length) }
  } else if (redirect.uri !== '') {
    action.pathRewriteSpecifier = { case: 'pathRedirect', value: redirect.uri }
  }
  const scheme = redirect.scheme === '' ? 'http' : redirect.scheme
  const asked = redirect.port ?? (redirect.derivePort === 'FROM_REQUEST_PORT' ? port : 0)
  // A scheme's own port is not spelt out.
  const implied = (scheme === 'http' && asked === 80) || (scheme === 'https' && asked === 443)
  action.portRedirect = implied ? 0 : asked
  return action
}

function directResponse({ status, body }: DirectResponse): DirectResponseAction {
  const action = create(DirectResponseActionSchema, { status })
  if (body === null) return action
  const specifier =
    'text' in body
      ? ({ case: 'inlineString', value: body.text } as const)
      : ({ case: 'inlineBytes', value: new Uint8Array(Buffer.from(body.base64, 'base64')) } as const)
  action.body = create(DirectResponseActionSchema, { status, body: { specifier } }).body
  return action
}

const REDIRECT_CODES: Readonly<Record<number, RedirectCode>> = {
  301: RedirectCode.MOVED_PERMANENTLY,
  302: RedirectCode.FOUND,
  303: RedirectCode.SEE_OTHER,
  307: RedirectCode.TEMPORARY_REDIRECT,
  308: RedirectCode.PERMANENT_REDIRECT,
}
const PREFIX_VARIABLE = '%PREFIX()%'
