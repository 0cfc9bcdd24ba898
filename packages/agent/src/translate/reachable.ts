// Follows listeners to their routes, clusters and endpoints, as a client's dependency manager does.
import { fromBinary } from '@bufbuild/protobuf'
import { anyUnpack } from '@bufbuild/protobuf/wkt'
import {
  Cluster_DiscoveryType as DiscoveryType,
  ClusterSchema,
} from '@inmesh/core/gen/envoy/config/cluster/v3/cluster_pb.ts'
import { ListenerSchema } from '@inmesh/core/gen/envoy/config/listener/v3/listener_pb.ts'
import { type RouteConfiguration, RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import { HttpConnectionManagerSchema } from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { Proxy } from '../model/proxy.ts'
import type { PushContext } from '../model/push-context.ts'
import type { Generator } from '../serve/generator.ts'
import type { Translation } from './index.ts'
import { TYPE_URL, type TranslatedResource } from './resource.ts'

/** Everything that the listeners `names` lead to. */
export function reachable(
  generator: Generator,
  names: readonly string[],
  proxy: Proxy,
  push: PushContext,
): Translation {
  const listeners = generator.generate(TYPE_URL.listener, names, proxy, push)
  const routeNames = new Set<string>()
  const clusterNames = new Set<string>()
  for (const listener of listeners) {
    const { route, inline } = routesOfListener(listener)
    if (route !== null) routeNames.add(route)
    if (inline !== null) addClusters(inline, clusterNames)
  }
  const routeConfigurations = generator.generate(TYPE_URL.routeConfiguration, [...routeNames], proxy, push)
  for (const { value } of routeConfigurations) addClusters(fromBinary(RouteConfigurationSchema, value), clusterNames)
  const clusters = generator.generate(TYPE_URL.cluster, [...clusterNames], proxy, push)
  const endpointNames = clusters.flatMap(({ value }) => {
    const cluster = fromBinary(ClusterSchema, value)
    return cluster.clusterDiscoveryType.value === DiscoveryType.EDS ? [cluster.edsClusterConfig?.serviceName ?? ''] : []
  })
  const clusterLoadAssignments = generator.generate(TYPE_URL.clusterLoadAssignment, endpointNames, proxy, push)
  return { listeners, routeConfigurations, clusters, clusterLoadAssignments }
}

function routesOfListener({ value }: TranslatedResource): { route: string | null; inline: RouteConfiguration | null } {
  const any = fromBinary(ListenerSchema, value).apiListener?.apiListener
  const manager = any === undefined ? undefined : anyUnpack(any, HttpConnectionManagerSchema)
  const routes = manager?.routeSpecifier
  if (routes?.case === 'rds') return { route: routes.value.routeConfigName, inline: null }
  return { route: null, inline: routes?.case === 'routeConfig' ? routes.value : null }
}

function addClusters(config: RouteConfiguration, names: Set<string>): void {
  for (const { routes } of config.virtualHosts) {
    for (const { action } of routes) {
      if (action.case !== 'route') continue
      const specifier = action.value.clusterSpecifier
      if (specifier.case === 'cluster') names.add(specifier.value)
      if (specifier.case === 'weightedClusters') for (const { name } of specifier.value.clusters) names.add(name)
    }
  }
}
