// Objects by what they are looked up by. Built once per state of the configuration; registrations don't touch it.
import { BlockList, isIPv6 } from 'node:net'
import type { ConfigObject } from '../ingest/config-store.ts'
import type { DestinationRule } from './destination-rule.ts'
import { ENDPOINT_SLICE, ENDPOINTS, SERVICE_NAME_LABEL, type EndpointSlice } from './endpoint-slice.ts'
import { bySpecificity, fullHostName, hostCovers, isWildcard } from './host-name.ts'
import { DEFAULT_MESH_CONFIG, type MeshConfig } from './mesh-config.ts'
import { servicesOf, type MeshService } from './mesh-service.ts'
import type { Pod } from './pod.ts'
import { appliesToMesh, type VirtualService } from './virtual-service.ts'
import { workloadOfEntry, workloadOfPod, type Workload } from './workload.ts'
import type { WorkloadEntry } from './workload-entry.ts'
import type { WorkloadGroup } from './workload-group.ts'

/** Slices of one Service. */
export type Slices = readonly ConfigObject<EndpointSlice | readonly EndpointSlice[]>[]

/** Objects by host: exact names at once, wildcards from the most specific. The oldest comes first in each list. */
export class HostIndex<T> {
  readonly #exact = new Map<string, T[]>()
  readonly #wild: { readonly host: string; readonly items: T[] }[] = []

  /** Adds in order of age. */
  add(host: string, item: T): void {
    if (!isWildcard(host)) {
      append(this.#exact, host, item)
      return
    }
    const entry = this.#wild.find((one) => one.host === host)
    if (entry !== undefined) entry.items.push(item)
    else {
      this.#wild.push({ host, items: [item] })
      this.#wild.sort((a, b) => bySpecificity(a.host, b.host))
    }
  }

  /** Lists of what is for `host`, the most specific host first. */
  *lists(host: string): Generator<readonly T[]> {
    const exact = this.#exact.get(host)
    if (exact !== undefined) yield exact
    for (const { host: pattern, items } of this.#wild) if (hostCovers(pattern, host)) yield items
  }
}

/** The index. */
export class ConfigIndex {
  readonly objects: readonly ConfigObject[]
  readonly mesh: MeshConfig
  readonly services: HostIndex<MeshService> = new HostIndex()
  readonly servicesByNamespace: Map<string, MeshService[]> = new Map()
  readonly virtualServices: HostIndex<ConfigObject<VirtualService>> = new HostIndex()
  /** By namespace. */
  readonly destinationRules: Map<string, HostIndex<ConfigObject<DestinationRule>>> = new Map()
  /** By `namespace/name`. */
  readonly groups: Map<string, ConfigObject<WorkloadGroup>> = new Map()
  /** WorkloadEntries and Pods with an address, by namespace. */
  readonly workloads: Map<string, Workload[]> = new Map()
  /** By namespace, then by name of the Service. */
  readonly slices: Map<string, Map<string, ConfigObject<EndpointSlice | readonly EndpointSlice[]>[]>> = new Map()
  readonly #addresses = new Map<string, MeshService[]>()
  readonly #ranges: { readonly block: BlockList; readonly service: MeshService }[] = []

  constructor(objects: readonly ConfigObject[]) {
    this.objects = objects
    const sorted = objects.toSorted(byAge)
    this.mesh = meshConfigOf(sorted)
    // A Service of Kubernetes has its name before any ServiceEntry.
    for (const object of sorted) if (object.kind === 'Service') this.#addServices(object)
    for (const object of sorted) this.#add(object)
  }

  /** Services that have the virtual address. */
  servicesAt(address: string): readonly MeshService[] {
    const exact = this.#addresses.get(address)
    if (exact !== undefined) return exact
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    return this.#ranges.filter(({ block }) => block.check(address, family)).map(({ service }) => service)
  }

  #add(object: ConfigObject): void {
    switch (object.kind) {
      case 'ServiceEntry':
        this.#addServices(object)
        break
      case 'VirtualService':
        this.#addVirtualService(object as ConfigObject<VirtualService>)
        break
      case 'DestinationRule':
        this.#addDestinationRule(object as ConfigObject<DestinationRule>)
        break
      case 'WorkloadGroup':
        this.groups.set(`${object.namespace}/${object.name}`, object as ConfigObject<WorkloadGroup>)
        break
      case 'WorkloadEntry':
        this.#addWorkload(workloadOfEntry(object as ConfigObject<WorkloadEntry>))
        break
      case 'Pod':
        this.#addWorkload(workloadOfPod(object as ConfigObject<Pod>))
        break
      case ENDPOINT_SLICE.kind:
        this.#addSlice(object as ConfigObject<EndpointSlice>, object.labels[SERVICE_NAME_LABEL] ?? '')
        break
      case ENDPOINTS.kind:
        this.#addSlice(object as ConfigObject<readonly EndpointSlice[]>, object.name)
        break
      default:
    }
  }

  #addServices(object: ConfigObject): void {
    for (const service of servicesOf(object)) {
      this.services.add(service.host, service)
      append(this.servicesByNamespace, service.namespace, service)
      for (const address of service.addresses) this.#addAddress(address, service)
    }
  }

  #addAddress(address: string, service: MeshService): void {
    const [network, length] = address.split('/') as [string, string?]
    if (length === undefined) {
      append(this.#addresses, address, service)
      return
    }
    const block = new BlockList()
    try {
      block.addSubnet(network, Number(length), isIPv6(network) ? 'ipv6' : 'ipv4')
      this.#ranges.push({ block, service })
    } catch {
      // Not a range: nothing has such an address.
    }
  }

  #addVirtualService(object: ConfigObject<VirtualService>): void {
    if (!appliesToMesh(object.spec)) return
    for (const host of object.spec.hosts) this.virtualServices.add(fullHostName(host, object.namespace), object)
  }

  #addDestinationRule(object: ConfigObject<DestinationRule>): void {
    let rules = this.destinationRules.get(object.namespace)
    if (rules === undefined) {
      rules = new HostIndex()
      this.destinationRules.set(object.namespace, rules)
    }
    rules.add(fullHostName(object.spec.host, object.namespace), object)
  }

  #addWorkload(workload: Workload | null): void {
    if (workload !== null) append(this.workloads, workload.namespace, workload)
  }

  #addSlice(object: ConfigObject<EndpointSlice | readonly EndpointSlice[]>, service: string): void {
    let byService = this.slices.get(object.namespace)
    if (byService === undefined) {
      byService = new Map()
      this.slices.set(object.namespace, byService)
    }
    append(byService, service, object)
  }
}

/** The oldest first; of the same age by name, then by namespace. */
export function byAge(a: ConfigObject, b: ConfigObject): number {
  if (a.createdAt !== b.createdAt) return a.createdAt - b.createdAt
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : 0
}

// An object of the kind MeshConfig comes before the ConfigMap.
function meshConfigOf(objects: readonly ConfigObject[]): MeshConfig {
  const own = objects.find((object) => object.kind === 'MeshConfig')
  const found = own ?? objects.find((object) => object.kind === 'ConfigMap' && object.name === 'istio')
  return found === undefined ? DEFAULT_MESH_CONFIG : (found.spec as MeshConfig)
}

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
