// Every kind of object that the agent knows, honoured or not.
import { DESTINATION_RULE } from './destination-rule.ts'
import { ENDPOINT_SLICE, ENDPOINTS } from './endpoint-slice.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'
import { MESH_CONFIG } from './mesh-config.ts'
import { NAMESPACE } from './namespace.ts'
import { POD } from './pod.ts'
import { SERVICE_ENTRY } from './service-entry.ts'
import { SERVICE } from './service.ts'
import { VIRTUAL_SERVICE } from './virtual-service.ts'
import { WORKLOAD_ENTRY } from './workload-entry.ts'
import { WORKLOAD_GROUP } from './workload-group.ts'

/** The kinds by group and name; look up with `kindOf`. */
export const KINDS: readonly Kind[] = [
  VIRTUAL_SERVICE,
  DESTINATION_RULE,
  SERVICE_ENTRY,
  WORKLOAD_ENTRY,
  WORKLOAD_GROUP,
  SERVICE,
  ENDPOINT_SLICE,
  ENDPOINTS,
  POD,
  NAMESPACE,
  MESH_CONFIG,
  ...later('networking.istio.io', NETWORKING_VERSIONS, 'Gateway Sidecar'),
  ...later('networking.istio.io', ['v1alpha3'], 'EnvoyFilter'),
  ...later('networking.istio.io', ['v1beta1'], 'ProxyConfig'),
  ...later('security.istio.io', ['v1', 'v1beta1'], 'PeerAuthentication RequestAuthentication AuthorizationPolicy'),
  ...later('telemetry.istio.io', ['v1', 'v1alpha1'], 'Telemetry'),
  ...later('extensions.istio.io', ['v1alpha1'], 'WasmPlugin TrafficExtension'),
  ...later(
    'gateway.networking.k8s.io',
    ['v1', 'v1beta1', 'v1alpha3', 'v1alpha2'],
    'GatewayClass Gateway HTTPRoute GRPCRoute TCPRoute TLSRoute UDPRoute ReferenceGrant BackendTLSPolicy ListenerSet',
  ),
  ...later('', ['v1'], 'ConfigMap Secret ServiceAccount Node ReplicationController'),
  ...later('apps', ['v1'], 'Deployment StatefulSet DaemonSet ReplicaSet'),
  ...later('batch', ['v1', 'v1beta1'], 'Job CronJob'),
  ...later('networking.k8s.io', ['v1'], 'Ingress IngressClass NetworkPolicy'),
]

const byName: ReadonlyMap<string, Kind> = new Map(KINDS.map((kind) => [`${kind.group}/${kind.kind}`, kind]))

/** The kind of that API group and name; null when the agent doesn't know it. */
export function kindOf(group: string, name: string): Kind | null {
  return byName.get(`${group}/${name}`) ?? null
}

// Kinds that are accepted and listed, and that a later version honours.
function later(group: string, versions: readonly string[], names: string): Kind[] {
  return names.split(' ').map((kind) => ({ group, versions, kind, body: 'spec', namespaced: true, schema: null }))
}
