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

/** The Node of a workload that asks on demand, with Istio's metadata (istio pkg/model/proxy.go, BootstrapNodeMetadata). */
export function buildNode(identity: WorkloadIdentity): XdsNode {
  const { name, namespace, labels, metadata } = identity
  const workloadName = typeof metadata['WORKLOAD_NAME'] === 'string' ? metadata['WORKLOAD_NAME'] : workloadOfPod(name)
  const group = identity.group === null ? {} : { AUTO_REGISTER_GROUP: identity.group }
  return {
    id: `sidecar~${identity.ips[0] ?? ''}~${name}.${namespace}~${namespace}.svc.cluster.local`,
    cluster: `${labels['app'] ?? workloadName}.${namespace}`,
    metadata: {
      ISTIO_VERSION,
      MESH_ID: identity.trustDomain,
      ...metadata,
      ...group,
      GENERATOR: 'inmesh',
      NAMESPACE: namespace,
      CLUSTER_ID: identity.clusterId,
      LABELS: labels,
      INSTANCE_IPS: identity.ips.join(','),
      SERVICE_ACCOUNT: identity.serviceAccount,
      WORKLOAD_NAME: workloadName,
    },
    userAgentName: 'inmesh',
    userAgentVersion: VERSION,
  }
}

/** The Deployment that a pod belongs to, by the shape of its name (NAME-TEMPLATEHASH-SUFFIX); else the name itself. */
function workloadOfPod(podName: string): string {
  return DEPLOYMENT_POD.exec(podName)?.[1] ?? podName
}

// Kubernetes makes both parts from letters and digits that spell no words.
const DEPLOYMENT_POD = /^(.+)-[bcdfghjklmnpqrstvwxz2456789]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$/

// The release whose behaviour we ask for: istiod switches version-gated features off for a proxy that tells none.
const ISTIO_VERSION = '1.31.0'

/** Version of this package, as told to the control plane. */
export const VERSION = '0.0.0'
