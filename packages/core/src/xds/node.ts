// Who we are to the control plane: the Node message, with Istio's id and metadata (istio pkg/model/proxy.go).

/** This workload, from options and environment. */
export interface WorkloadIdentity {
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  /** First is the one that endpoints carry. */
  readonly ips: readonly string[]
  readonly trustDomain: string
  readonly clusterId: string
  /** WorkloadGroup to register under; null for none. */
  readonly group: string | null
  /** Metadata from ISTIO_META_*, by name without the prefix. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/** The parts of `config.core.v3.Node` that we send. */
export interface XdsNode {
  /** `sidecar~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local` */
  readonly id: string
  readonly cluster: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly userAgentName: string
  readonly userAgentVersion: string
}
