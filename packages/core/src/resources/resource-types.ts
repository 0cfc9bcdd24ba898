// The four resource types of a mesh. Their decoders are loaded on demand: generated messages take tens of milliseconds. EDS
// needs none and can be had at once from endpoint.decode.ts.
import type { ResourceType } from '../xds/resource-type.ts'
import type { Cluster } from './cluster.ts'
import { clusterLoadAssignmentType } from './endpoint.decode.ts'
import type { ClusterLoadAssignment } from './endpoint.ts'
import type { Listener } from './listener.ts'
import type { RouteConfiguration } from './route-configuration.ts'

/** What the configuration is made of. */
export interface ResourceTypes {
  readonly listener: ResourceType<Listener>
  readonly routeConfiguration: ResourceType<RouteConfiguration>
  readonly cluster: ResourceType<Cluster>
  readonly endpoints: ResourceType<ClusterLoadAssignment>
}

/** Loads the decoders; later calls give the same. */
export function loadResourceTypes(): Promise<ResourceTypes> {
  loaded ??= load()
  return loaded
}

let loaded: Promise<ResourceTypes> | null = null

async function load(): Promise<ResourceTypes> {
  const [listener, routeConfiguration, cluster] = await Promise.all([
    import('./listener.decode.ts'),
    import('./route-configuration.decode.ts'),
    import('./cluster.decode.ts'),
  ])
  return {
    listener: listener.listenerType,
    routeConfiguration: routeConfiguration.routeConfigurationType,
    cluster: cluster.clusterType,
    endpoints: clusterLoadAssignmentType,
  }
}
