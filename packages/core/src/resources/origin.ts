// Where a compiled object comes from: the xDS resource and, where the control plane says it, the Istio object behind it.

/** The xDS resource that carried a value, and the Istio object that it was translated from. */
export interface Origin {
  /** Short type of the resource: `Listener`, `RouteConfiguration`, `Cluster`, `ClusterLoadAssignment`, `Secret`. */
  readonly type: string
  readonly name: string
  /** version_info (state of the world) or the resource's own version (delta). */
  readonly version: string
  /** Path of the Istio object, from `filter_metadata.istio.config`, such as `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews`. */
  readonly config: string | null
}

/** Envoy's `core.v3.Metadata`: per filter name a JSON object (google.protobuf.Struct). */
export type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>
