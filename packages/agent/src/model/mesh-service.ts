// A service of the mesh, whichever kind of object declares it: a Kubernetes Service or a host of a ServiceEntry.
import { isIP } from 'node:net'
import type { ConfigObject } from '../ingest/config-store.ts'
import { CLUSTER_DOMAIN } from './host-name.ts'
import type { Labels } from './labels.ts'
import { portProtocol, type Protocol } from './protocol.ts'
import type { KubernetesService } from './service.ts'
import type { ServiceEntry } from './service-entry.ts'
import type { WorkloadEntry } from './workload-entry.ts'

/** A port of a service. */
export interface MeshPort {
  readonly number: number
  readonly name: string
  readonly protocol: Protocol
  /** Number or name of the workload's port; null when nothing was said, which is `number`. */
  readonly targetPort: number | string | null
}

/** A service. The same object gives the same instance, so that instances can be compared by identity. */
export interface MeshService {
  /** Full host name, lower case; may be a wildcard. */
  readonly host: string
  /** Name and namespace as telemetry shows them. */
  readonly name: string
  readonly namespace: string
  readonly kubernetes: boolean
  readonly ports: readonly MeshPort[]
  /** How endpoints are found: told by us, by DNS (all answers, or one after the other), or none. */
  readonly resolution: 'endpoints' | 'dns' | 'dns_round_robin' | 'none'
  /** MESH_EXTERNAL: outside the mesh. */
  readonly external: boolean
  /** Virtual addresses: IP addresses and CIDR ranges. */
  readonly addresses: readonly string[]
  readonly headless: boolean
  /** Labels of the workloads behind it; null when it selects none. */
  readonly selector: Labels | null
  /** Endpoints that the object itself names. */
  readonly endpoints: readonly WorkloadEntry[]
  /** Namespaces that see it; empty is the mesh's default. */
  readonly exportTo: readonly string[]
  readonly object: ConfigObject
}

/** The services that an object declares; none for other kinds. */
export function servicesOf(object: ConfigObject): readonly MeshService[] {
  let services = known.get(object)
  if (services === undefined) {
    if (object.kind === 'Service') services = [fromKubernetes(object as ConfigObject<KubernetesService>)]
    else if (object.kind === 'ServiceEntry') services = fromServiceEntry(object as ConfigObject<ServiceEntry>)
    else services = []
    known.set(object, services)
  }
  return services
}

/** The port with that number; null when the service has none, or it is UDP. */
export function portOf(service: MeshService, number: number): MeshPort | null {
  return service.ports.find((port) => port.number === number && port.protocol !== 'udp') ?? null
}

const known = new WeakMap<ConfigObject, readonly MeshService[]>()

function fromKubernetes(object: ConfigObject<KubernetesService>): MeshService {
  const { spec, name, namespace } = object
  const external = spec.type === 'ExternalName' && spec.externalName !== ''
  const exportTo = object.annotations['networking.istio.io/exportTo']
  return {
    host: `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`,
    name,
    namespace,
    kubernetes: true,
    ports: spec.ports.map(({ port, name: portName, protocol, appProtocol, targetPort }) => ({
      number: port,
      name: portName,
      protocol: portProtocol(port, portName, protocol, appProtocol),
      targetPort,
    })),
    resolution: external ? 'dns' : 'endpoints',
    external,
    addresses: [...new Set([spec.clusterIP, ...spec.clusterIPs])].filter((address) => isIP(address) !== 0),
    headless: spec.clusterIP === 'None',
    selector: external || spec.selector === null || Object.keys(spec.selector).length === 0 ? null : spec.selector,
    endpoints: external ? [{ ...NO_ENTRY, address: spec.externalName }] : [],
    exportTo: exportTo === undefined ? [] : exportTo.split(',').map((one) => one.trim()),
    object,
  }
}

function fromServiceEntry(object: ConfigObject<ServiceEntry>): readonly MeshService[] {
  const { spec } = object
  const ports = spec.ports.map(({ number, name, protocol, targetPort }) => ({ number, name, protocol, targetPort }))
  const resolution = RESOLUTIONS[spec.resolution ?? 'NONE']
  return spec.hosts.map((written) => {
    const host = written.toLowerCase()
    const byName = resolution === 'dns' || resolution === 'dns_round_robin'
    const own = byName && spec.endpoints.length === 0 && spec.workloadSelector === null
    return {
      host,
      // Telemetry calls a service outside Kubernetes by its whole host.
      name: host,
      namespace: object.namespace,
      kubernetes: false,
      ports,
      resolution,
      external: spec.location !== 'MESH_INTERNAL',
      addresses: spec.addresses,
      headless: false,
      selector: spec.workloadSelector?.labels ?? null,
      endpoints: own ? [{ ...NO_ENTRY, address: host }] : spec.endpoints,
      exportTo: spec.exportTo,
      object,
    }
  })
}

const RESOLUTIONS = {
  NONE: 'none',
  STATIC: 'endpoints',
  DNS: 'dns',
  DNS_ROUND_ROBIN: 'dns_round_robin',
  DYNAMIC_DNS: 'none',
} as const

const NO_ENTRY: WorkloadEntry = {
  address: '',
  ports: {},
  labels: {},
  network: '',
  locality: '',
  weight: null,
  serviceAccount: '',
}
