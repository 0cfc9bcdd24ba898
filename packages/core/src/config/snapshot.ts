// All that one root (a listener) needs, whole and immutable: what the dependency manager publishes (XdsConfig of gRFC A74).
import type { MeshError } from '../runtime/errors.ts'
import type { Cluster } from '../resources/cluster.ts'
import type { HttpConnectionManager, Listener } from '../resources/listener.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'

/** A root with everything it names. A value that could not be had is an error in its place. */
export interface Snapshot {
  /** Name of the listener. */
  readonly root: string
  readonly listener: Listener
  /** By RDS name; inline route configurations are in the listener. */
  readonly routeConfigurations: ReadonlyMap<string, RouteConfiguration | MeshError>
  /** By name. Endpoints are not here: they live in the cluster's slot. */
  readonly clusters: ReadonlyMap<string, Cluster | MeshError>
}

/** The connection managers of a listener: the API listener's, each filter chain's, the default chain's. */
export function connectionManagers(listener: Listener): HttpConnectionManager[] {
  const managers: HttpConnectionManager[] = []
  if (listener.apiListener !== null) managers.push(listener.apiListener)
  for (const chain of listener.filterChains) if (chain.http !== null) managers.push(chain.http)
  const last = listener.defaultFilterChain
  if (last !== null && last.http !== null) managers.push(last.http)
  return managers
}

/** The route configuration that a connection manager uses; null when it could not be had. */
export function routeConfigurationOf(snapshot: Snapshot, manager: HttpConnectionManager): RouteConfiguration | null {
  if (manager.inlineRouteConfig !== null) return manager.inlineRouteConfig
  if (manager.routeConfigName === null) return null
  const value = snapshot.routeConfigurations.get(manager.routeConfigName)
  return value === undefined || isError(value) ? null : value
}

/** Tells a value from the error in its place. */
export function isError(value: object): value is MeshError {
  return value instanceof Error
}
