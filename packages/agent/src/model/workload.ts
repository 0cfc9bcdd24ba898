// A workload: something with an address and labels that services select. Pods, WorkloadEntries, endpoints of a
// ServiceEntry, and workloads that registered under a WorkloadGroup.
import type { ConfigObject } from '../ingest/config-store.ts'
import { localityOf, type Labels } from './labels.ts'
import type { Pod } from './pod.ts'
import type { Registration } from './registration.ts'
import type { WorkloadEntry } from './workload-entry.ts'
import type { WorkloadGroup } from './workload-group.ts'

/** A workload. The same object or registration gives the same instance. */
export interface Workload {
  readonly address: string
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  /** Ports of the workload by name. */
  readonly ports: Readonly<Record<string, number>>
  /** Ports that it is known to listen on; null when nobody says, and it is taken to listen. */
  readonly listening: readonly number[] | null
  readonly ready: boolean
  readonly pod: boolean
  /** 0 is no traffic. */
  readonly weight: number
  /** `region/zone/subzone` */
  readonly locality: string
  readonly serviceAccount: string
  readonly clusterId: string
}

/** The workload of a WorkloadEntry; null when it has no address that can be dialled. */
export function workloadOfEntry(object: ConfigObject<WorkloadEntry>): Workload | null {
  return remember(entries, object, () => entryWorkload(object.spec, object.namespace, object.name, object.labels))
}

/** The workload of an endpoint that a ServiceEntry names. */
export function workloadOfEndpoint(entry: WorkloadEntry, namespace: string): Workload | null {
  return remember(endpoints, entry, () => entryWorkload(entry, namespace, '', {}))
}

/** The workload of a Pod; null while it has no address. */
export function workloadOfPod(object: ConfigObject<Pod>): Workload | null {
  return remember(pods, object, () => {
    const { spec, labels, namespace } = object
    if (spec.ip === '') return null
    return {
      address: spec.ip,
      namespace,
      name: labels['service.istio.io/workload-name'] ?? object.name,
      labels,
      ports: spec.ports,
      listening: null,
      ready: spec.ready,
      pod: true,
      weight: 1,
      locality: localityOf(labels),
      serviceAccount: spec.serviceAccount,
      clusterId: DEFAULT_CLUSTER,
    }
  })
}

/** The workload of a registration: the group's template and labels, and the node's own labels over them. */
export function workloadOfRegistration(
  registration: Registration,
  group: ConfigObject<WorkloadGroup> | null,
): Workload {
  const before = registered.get(registration)
  if (before !== undefined && before.group === group) return before.workload
  const template = group?.spec.template ?? null
  const labels: Labels = { ...group?.spec.metadata?.labels, ...template?.labels, ...registration.labels }
  const workload: Workload = {
    address: registration.address,
    namespace: registration.namespace,
    name: registration.workloadName === '' ? registration.group : registration.workloadName,
    labels,
    ports: template?.ports ?? {},
    listening: registration.ports,
    ready: true,
    pod: false,
    weight: template?.weight ?? 1,
    locality: template?.locality || localityOf(labels),
    serviceAccount: registration.serviceAccount || template?.serviceAccount || 'default',
    clusterId: registration.clusterId || DEFAULT_CLUSTER,
  }
  registered.set(registration, { group, workload })
  return workload
}

function entryWorkload(spec: WorkloadEntry, namespace: string, name: string, own: Labels): Workload | null {
  if (spec.address === '' || spec.address.startsWith('unix://')) return null
  const labels = { ...own, ...spec.labels }
  return {
    address: spec.address,
    namespace,
    name: labels['service.istio.io/workload-name'] ?? name,
    labels,
    ports: spec.ports,
    listening: null,
    ready: true,
    pod: false,
    weight: spec.weight ?? 1,
    locality: spec.locality || localityOf(labels),
    serviceAccount: spec.serviceAccount || 'default',
    clusterId: DEFAULT_CLUSTER,
  }
}

function remember<K extends object>(
  cache: WeakMap<K, Workload | null>,
  key: K,
  make: () => Workload | null,
): Workload | null {
  let workload = cache.get(key)
  if (workload === undefined) {
    workload = make()
    cache.set(key, workload)
  }
  return workload
}

/** Istio's default name of the one cluster of a mesh. */
export const DEFAULT_CLUSTER = 'Kubernetes'

const entries = new WeakMap<ConfigObject<WorkloadEntry>, Workload | null>()
const endpoints = new WeakMap<WorkloadEntry, Workload | null>()
const pods = new WeakMap<ConfigObject<Pod>, Workload | null>()
const registered = new WeakMap<Registration, { group: ConfigObject<WorkloadGroup> | null; workload: Workload }>()
