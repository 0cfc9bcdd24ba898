// The on-demand route configuration of a host and port: the VirtualService's routes, or the default one (istio
// pilot/pkg/networking/core/{httproute,route}).
import { create } from '@bufbuild/protobuf'
import { RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import {
  type Route,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
} from '@inmesh/core/gen/envoy/config/route/v3/route_components_pb.ts'
import type { ConfigObject } from '../ingest/config-store.ts'
import { isWildcard } from '../model/host-name.ts'
import type { HttpMatch } from '../model/http-match.ts'
import type { HttpRoute } from '../model/http-route.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import type { MeshPort, MeshService } from '../model/mesh-service.ts'
import { isHttp } from '../model/protocol.ts'
import type { Proxy } from '../model/proxy.ts'
import type { VirtualService } from '../model/virtual-service.ts'
import { encodeResource } from './encode.ts'
import { configPath, istioMetadata } from './istio-metadata.ts'
import { ALLOW_ANY, BLOCK_ALL, outboundName, PASSTHROUGH_CLUSTER } from './names.ts'
import type { TranslatedResource } from './resource.ts'
import { defaultRouteAction, resolveDestination, routeAction, routeHeaders, type RouteScope } from './route-action.ts'
import { concerns, isCatchAll, routeMatch } from './route-match.ts'

/** What the routes of a host are made of. */
export interface RouteInputs {
  /** Full host name. */
  readonly host: string
  readonly port: number
  /** Null: the host has a VirtualService only. */
  readonly service: MeshService | null
  readonly servicePort: MeshPort | null
  readonly virtualService: ConfigObject<VirtualService> | null
  readonly mesh: MeshConfig
  /** The service of a full host name, as the proxy sees it. */
  serviceOf(host: string): MeshService | null
}

/** The route configuration `outbound|port||host`. */
export function routeConfiguration(inputs: RouteInputs, proxy: Proxy): TranslatedResource {
  const name = outboundName(inputs.port, '', inputs.host)
  const virtualHost = create(VirtualHostSchema, {
    name: `${inputs.host}:${inputs.port}`,
    domains: domainsOf(inputs, proxy),
    routes: routesOf(inputs, proxy),
    includeRequestAttemptCount: true,
  })
  const config = create(RouteConfigurationSchema, {
    name,
    virtualHosts: [virtualHost, catchAllVirtualHost(inputs.mesh)],
    validateClusters: false,
    maxDirectResponseBodySizeBytes: 1_048_576,
    ignorePortInHostMatching: true,
  })
  return encodeResource(RouteConfigurationSchema, name, config)
}

/** For hosts that the mesh does not know: the outbound traffic policy. */
export function catchAllVirtualHost(mesh: MeshConfig): VirtualHost {
  const match = routeMatch(null)
  const blocked = mesh.outboundTrafficPolicy === 'REGISTRY_ONLY'
  const name = blocked ? BLOCK_ALL : ALLOW_ANY
  const route = create(RouteSchema, { name, match })
  route.action = blocked
    ? create(RouteSchema, { action: { case: 'directResponse', value: { status: 502 } } }).action
    : { case: 'route', value: defaultRouteAction(PASSTHROUGH_CLUSTER, mesh, false) }
  return create(VirtualHostSchema, { name, domains: ['*'], routes: [route], includeRequestAttemptCount: true })
}

function routesOf(inputs: RouteInputs, proxy: Proxy): Route[] {
  const { virtualService, servicePort, service, mesh, port, host } = inputs
  const http = servicePort === null || isHttp(servicePort.protocol)
  if (virtualService === null || virtualService.spec.http.length === 0 || !http) {
    const route = create(RouteSchema, { name: 'default', match: routeMatch(null) })
    route.action = {
      case: 'route',
      value: defaultRouteAction(outboundName(port, '', service?.host ?? host), mesh, http),
    }
    route.decorator = decorator(`${host}:${port}/*`)
    return [route]
  }
  const { namespace } = virtualService
  const scope: RouteScope = { namespace, port, mesh, service: (name) => inputs.serviceOf(name) }
  const routes: Route[] = []
  for (const one of virtualService.spec.http) {
    const matches = one.match.length === 0 ? [null] : one.match
    for (const match of matches) {
      if (match !== null && !concerns(match, proxy, port)) continue
      const route = translate(virtualService, one, match, scope)
      if (route === null) continue
      routes.push(route)
      if (route.match !== undefined && isCatchAll(route.match)) return routes
    }
  }
  return routes
}

function translate(
  virtualService: ConfigObject<VirtualService>,
  given: HttpRoute,
  match: HttpMatch | null,
  scope: RouteScope,
): Route | null {
  const action = routeAction(given, scope)
  if (action === null) return null
  const name = match !== null && match.name !== '' ? `${given.name}.${match.name}` : given.name
  const route = create(RouteSchema, {
    name,
    match: routeMatch(match),
    metadata: istioMetadata({ config: configPath(virtualService) }),
    statPrefix: match?.statPrefix ?? '',
    ...routeHeaders(given),
  })
  route.action = action
  route.decorator = decorator(operation(virtualService, given, match, scope))
  return route
}

function decorator(operation: string): Route['decorator'] {
  return create(RouteSchema, { decorator: { operation } }).decorator
}

// Operation of spans: the destination, or the VirtualService when there are several, and the path.
function operation(
  virtualService: ConfigObject<VirtualService>,
  route: HttpRoute,
  match: HttpMatch | null,
  scope: RouteScope,
): string {
  const uri = match?.uri ?? null
  const path = uri === null ? '/*' : uri.kind === 'prefix' ? `${uri.value}*` : uri.value
  const single = route.route.length === 1 ? route.route[0] : undefined
  if (single === undefined) return `${virtualService.name}:${scope.port}${path}`
  const { host, port } = resolveDestination(single.destination, scope)
  return `${host}:${port}${path}`
}

// The full name, with and without the last dot, the short names that the proxy may use, and the virtual addresses.
function domainsOf({ host, service }: RouteInputs, proxy: Proxy): string[] {
  if (isWildcard(host)) return [host]
  const domains = [host, `${host}.`]
  const short = SERVICE_NAME.exec(host)
  if (short !== null) {
    const [, name, namespace] = short as unknown as [string, string, string]
    if (namespace === proxy.namespace) domains.push(name)
    domains.push(`${name}.${namespace}.svc`, `${name}.${namespace}`)
  }
  // The pods of a headless service have names under its own.
  if (service !== null && service.headless) domains.push(`*.${host}`)
  if (service !== null) {
    for (const address of service.addresses) if (!address.includes('/')) domains.push(hostOfAddress(address))
  }
  return [...new Set(domains)]
}

function hostOfAddress(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

const SERVICE_NAME = /^([^.]+)\.([^.]+)\.svc\.cluster\.local$/
