// The instances of a service's ports: from EndpointSlices, from the workloads that it selects, from its own endpoints.
import type { ConfigObject } from '../ingest/config-store.ts'
import type { EndpointSlice } from './endpoint-slice.ts'
import { instanceOf, sameInstances, type Instance } from './instance.ts'
import { labelsMatch } from './labels.ts'
import type { MeshPort, MeshService } from './mesh-service.ts'
import { workloadOfEndpoint, type Workload } from './workload.ts'

/** What a namespace has to offer as instances; the lists keep their identity while nothing in them changes. */
export interface NamespaceWorkloads {
  readonly workloads: readonly Workload[]
  /** Pods by address. */
  readonly pods: ReadonlyMap<string, Workload>
  /** By name of the Service. */
  readonly slices: ReadonlyMap<string, readonly ConfigObject<EndpointSlice | readonly EndpointSlice[]>[]>
}

/** Instances of the port, in a stable order and without doubles. */
export function computeInstances(service: MeshService, port: MeshPort, own: NamespaceWorkloads): readonly Instance[] {
  const slices = service.kubernetes ? (own.slices.get(service.name) ?? []) : []
  const instances = new Map<string, Instance>()
  const add = (instance: Instance | null): void => {
    if (instance === null) return
    const key = `${instance.address}:${instance.port}`
    if (!instances.has(key)) instances.set(key, instance)
  }
  for (const slice of slices) addSlice(slice, port, own.pods, add)
  for (const workload of selected(service, own.workloads)) {
    // Kubernetes itself says which pods are behind a Service, if it says so at all.
    if (workload.pod && slices.length > 0) continue
    add(instanceOf(service, port, workload))
  }
  for (const endpoint of service.endpoints) {
    const workload = workloadOfEndpoint(endpoint, service.namespace)
    if (workload !== null) add(instanceOf(service, port, workload))
  }
  return [...instances.values()].toSorted(byAddress)
}

/** The workloads that the service selects. */
export function selected(service: MeshService, workloads: readonly Workload[]): readonly Workload[] {
  const { selector } = service
  return selector === null ? [] : workloads.filter((workload) => labelsMatch(selector, workload.labels))
}

function addSlice(
  object: ConfigObject<EndpointSlice | readonly EndpointSlice[]>,
  port: MeshPort,
  pods: ReadonlyMap<string, Workload>,
  add: (instance: Instance) => void,
): void {
  for (const slice of 'ports' in object.spec ? [object.spec] : object.spec) {
    const at = slice.ports.find(({ name }) => name === port.name)
    if (at === undefined) continue
    for (const { addresses, ready, terminating, zone } of slice.endpoints) {
      if (terminating) continue
      for (const address of addresses) {
        const pod = pods.get(address)
        add({
          address,
          port: at.port,
          healthy: ready,
          weight: 1,
          locality: pod?.locality || (zone === '' ? '' : `/${zone}`),
          labels: pod?.labels ?? {},
          namespace: object.namespace,
          workloadName: pod?.name ?? '',
          serviceAccount: pod?.serviceAccount ?? 'default',
          clusterId: pod?.clusterId ?? 'Kubernetes',
        })
      }
    }
  }
}

function byAddress(a: Instance, b: Instance): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port
}

/**
 * Remembers instances from one push to the next: what is made of the same service and namespace is not made again, and
 * what comes out the same keeps its identity, so that its resources are not encoded again.
 */
export class InstanceMemo {
  readonly #entries = new WeakMap<
    MeshService,
    Map<MeshPort, { own: NamespaceWorkloads; instances: readonly Instance[] }>
  >()

  /** Instances of the port. */
  get(service: MeshService, port: MeshPort, own: NamespaceWorkloads): readonly Instance[] {
    let ports = this.#entries.get(service)
    if (ports === undefined) {
      ports = new Map()
      this.#entries.set(service, ports)
    }
    const before = ports.get(port)
    if (before?.own === own) return before.instances
    const computed = computeInstances(service, port, own)
    const instances = before !== undefined && sameInstances(before.instances, computed) ? before.instances : computed
    ports.set(port, { own, instances })
    return instances
  }
}
