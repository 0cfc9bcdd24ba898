// A translated xDS resource, encoded once and shared by every client that gets the same bytes.

/** Type URLs that translation makes. */
export const TYPE_URL = {
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  routeConfiguration: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  clusterLoadAssignment: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
} as const

export type TypeUrl = (typeof TYPE_URL)[keyof typeof TYPE_URL]

/** One resource. */
export interface TranslatedResource {
  readonly name: string
  /** Encoded message, without the Any around it. */
  readonly value: Uint8Array
  /** Hash of the content: the same content has the same version, in every agent and after every restart. */
  readonly version: string
}
