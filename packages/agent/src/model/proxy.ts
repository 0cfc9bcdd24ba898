// A client of the control plane, as translation sees it: what was read of its Node message (istio pkg/model/proxy.go).

/** A connected data plane: an inmesh SDK, an Envoy, a gRPC client. */
export interface Proxy {
  /** `type~ip~name.namespace~dnsDomain` */
  readonly id: string
  readonly type: 'sidecar' | 'router'
  /** metadata.INSTANCE_IPS, else the id's. */
  readonly ips: readonly string[]
  readonly name: string
  readonly namespace: string
  /** Such as `default.svc.cluster.local`. */
  readonly dnsDomain: string
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly clusterId: string
  /** metadata.GENERATOR: `inmesh` is our on-demand naming, `grpc` proxyless gRPC, '' plain Envoy. */
  readonly generator: string
  /** metadata.AUTO_REGISTER_GROUP; null for none. */
  readonly group: string | null
  readonly metadata: Readonly<Record<string, unknown>>
}
