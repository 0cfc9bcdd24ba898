// The model at one moment: what translation looks up. Immutable; the next one is made from new objects and registrations
// and takes over from its predecessor what did not change (istio pilot/pkg/model/push_context.go).
import type { ConfigObject } from '../ingest/config-store.ts'
import { ConfigIndex } from './config-index.ts'
import type { DestinationRule, Subset } from './destination-rule.ts'
import { isExportedTo } from './export-to.ts'
import { resolvePort, type Instance } from './instance.ts'
import { labelsMatch, type Labels } from './labels.ts'
import type { MeshConfig } from './mesh-config.ts'
import { portOf, type MeshPort, type MeshService } from './mesh-service.ts'
import type { Proxy } from './proxy.ts'
import type { Registration } from './registration.ts'
import { InstanceMemo, selected, type NamespaceWorkloads } from './service-instances.ts'
import type { TrafficPolicy } from './traffic-policy.ts'
import type { VirtualService } from './virtual-service.ts'
import { workloadOfRegistration, type Workload } from './workload.ts'

/** The DestinationRules of a namespace for one host, as one. */
export interface DestinationPolicy {
  /** The first of them: whose traffic policy and name count. */
  readonly object: ConfigObject<DestinationRule>
  readonly trafficPolicy: TrafficPolicy | null
  readonly subsets: readonly Subset[]
}

/** Who asks: what a client may see depends on it. */
export type Client = Pick<Proxy, 'namespace' | 'labels'>

/** The model. */
export interface PushContext {
  readonly objects: readonly ConfigObject[]
  readonly registrations: readonly Registration[]
  readonly mesh: MeshConfig
  /** The service of a full host name that `namespace` sees; one of its own namespace comes first. Null: unknown. */
  service(host: string, namespace: string): MeshService | null
  /** The service with that virtual IP address and port. */
  serviceAt(address: string, port: number, namespace: string): MeshService | null
  /** Instances of the port, sorted by address. The same list as long as nothing in it changes. */
  instances(service: MeshService, port: MeshPort): readonly Instance[]
  /** The VirtualService for a full host name: the most specific host, of those the oldest. Null: none. */
  virtualService(host: string, client: Client): ConfigObject<VirtualService> | null
  /** The DestinationRule for a service: of the client's namespace, else of the service's, else of the root. Null: none. */
  destinationRule(service: MeshService, client: Client): DestinationPolicy | null
  /** Services that the proxy itself is behind at `port`, its own port. */
  inboundServices(proxy: Proxy, port: number): readonly { readonly service: MeshService; readonly port: MeshPort }[]
}

/** Makes the model. `previous` gives what is not made anew; the result does not depend on it. */
export function createPushContext(
  objects: readonly ConfigObject[],
  registrations: readonly Registration[],
  previous: PushContext | null,
): PushContext {
  return new Context(objects, registrations, previous instanceof Context ? previous : null)
}

class Context implements PushContext {
  readonly objects: readonly ConfigObject[]
  readonly registrations: readonly Registration[]
  readonly #index: ConfigIndex
  readonly #namespaces: ReadonlyMap<string, NamespaceWorkloads>
  readonly #instances: InstanceMemo
  readonly #policies: PolicyMemo

  constructor(objects: readonly ConfigObject[], registrations: readonly Registration[], previous: Context | null) {
    this.objects = objects
    this.registrations = registrations
    this.#index = previous !== null && sameList(previous.objects, objects) ? previous.#index : new ConfigIndex(objects)
    this.#namespaces = namespacesOf(this.#index, registrations, previous === null ? null : previous.#namespaces)
    this.#instances = previous === null ? new InstanceMemo() : previous.#instances
    this.#policies = previous === null ? new PolicyMemo() : previous.#policies
  }

  get mesh(): MeshConfig {
    return this.#index.mesh
  }

  service(host: string, namespace: string): MeshService | null {
    for (const list of this.#index.services.lists(host)) {
      const visible = this.#visible(list, namespace)
      if (visible !== null) return visible
    }
    return null
  }

  serviceAt(address: string, port: number, namespace: string): MeshService | null {
    const services = this.#index.servicesAt(address).filter((service) => portOf(service, port) !== null)
    return this.#visible(services, namespace)
  }

  instances(service: MeshService, port: MeshPort): readonly Instance[] {
    return this.#instances.get(service, port, this.#namespaces.get(service.namespace) ?? EMPTY_NAMESPACE)
  }

  virtualService(host: string, client: Client): ConfigObject<VirtualService> | null {
    const fallback = this.mesh.defaultVirtualServiceExportTo
    for (const list of this.#index.virtualServices.lists(host)) {
      const found = list.find((one) => isExportedTo(one.spec.exportTo, fallback, one.namespace, client.namespace))
      if (found !== undefined) return found
    }
    return null
  }

  destinationRule(service: MeshService, client: Client): DestinationPolicy | null {
    const own = this.#policyIn(client.namespace, service.host, client, true)
    if (own !== null) return own
    const theirs =
      service.namespace === client.namespace ? null : this.#policyIn(service.namespace, service.host, client, false)
    if (theirs !== null) return theirs
    const { rootNamespace } = this.mesh
    if (rootNamespace === client.namespace || rootNamespace === service.namespace) return null
    return this.#policyIn(rootNamespace, service.host, client, false)
  }

  inboundServices(proxy: Proxy, port: number): readonly { readonly service: MeshService; readonly port: MeshPort }[] {
    const own = this.#namespaces.get(proxy.namespace) ?? EMPTY_NAMESPACE
    const workloads = this.#workloadsOf(proxy, port, own)
    const found: { service: MeshService; port: MeshPort }[] = []
    for (const service of this.#index.servicesByNamespace.get(proxy.namespace) ?? []) {
      const behind = selected(service, workloads)
      for (const servicePort of service.ports) {
        if (servicePort.protocol === 'udp') continue
        const serves =
          behind.some((workload) => resolvePort(service, servicePort, workload)?.port === port) ||
          this.instances(service, servicePort).some((one) => one.port === port && proxy.ips.includes(one.address))
        if (serves) found.push({ service, port: servicePort })
      }
    }
    return found
  }

  // A proxy that registers is taken as listening on the port that it asks about, before the registration says so.
  #workloadsOf(proxy: Proxy, port: number, own: NamespaceWorkloads): readonly Workload[] {
    if (proxy.group === null) return own.workloads.filter((workload) => proxy.ips.includes(workload.address))
    const { group, namespace } = proxy
    const known = this.registrations.find(
      (one) => one.group === group && one.namespace === namespace && proxy.ips.includes(one.address),
    )
    const ports = known === undefined ? [port] : [...new Set([...known.ports, port])]
    const address = known?.address ?? proxy.ips[0] ?? ''
    const registration: Registration = {
      namespace,
      group,
      address,
      labels: proxy.labels,
      serviceAccount: proxy.serviceAccount,
      workloadName: proxy.name,
      clusterId: proxy.clusterId,
      ports,
      connected: true,
    }
    return [workloadOfRegistration(registration, this.#index.groups.get(`${namespace}/${group}`) ?? null)]
  }

  #visible(services: readonly MeshService[], namespace: string): MeshService | null {
    let first: MeshService | null = null
    for (const service of services) {
      if (!isExportedTo(service.exportTo, this.mesh.defaultServiceExportTo, service.namespace, namespace)) continue
      if (service.namespace === namespace) return service
      first ??= service
    }
    return first
  }

  #policyIn(namespace: string, host: string, client: Client, own: boolean): DestinationPolicy | null {
    const rules = this.#index.destinationRules.get(namespace)
    if (rules === undefined) return null
    const fallback = this.mesh.defaultDestinationRuleExportTo
    for (const list of rules.lists(host)) {
      const seen = own
        ? list
        : list.filter((one) => isExportedTo(one.spec.exportTo, fallback, namespace, client.namespace))
      const selecting = own ? seen.filter((one) => selects(one, client.labels)) : []
      const general = seen.filter((one) => one.spec.workloadSelector === null)
      const chosen = selecting.length > 0 ? selecting : general
      if (chosen.length > 0) return this.#policies.get(chosen)
    }
    return null
  }
}

function selects(rule: ConfigObject<DestinationRule>, labels: Labels): boolean {
  const { workloadSelector } = rule.spec
  return workloadSelector !== null && labelsMatch(workloadSelector.matchLabels, labels)
}

// The same rules give the same policy object.
class PolicyMemo {
  readonly #policies = new WeakMap<
    ConfigObject<DestinationRule>,
    { rules: readonly ConfigObject<DestinationRule>[]; policy: DestinationPolicy }
  >()

  get(rules: readonly ConfigObject<DestinationRule>[]): DestinationPolicy {
    const first = rules[0] as ConfigObject<DestinationRule>
    const before = this.#policies.get(first)
    if (before !== undefined && sameList(before.rules, rules)) return before.policy
    const policy = merge(first, rules)
    this.#policies.set(first, { rules, policy })
    return policy
  }
}

// Rules for the same host and the same audience add their subsets; the first traffic policy counts.
function merge(
  first: ConfigObject<DestinationRule>,
  rules: readonly ConfigObject<DestinationRule>[],
): DestinationPolicy {
  const audience = first.spec.exportTo.toSorted().join()
  const same = rules.filter((rule) => rule.spec.exportTo.toSorted().join() === audience)
  const subsets: Subset[] = []
  for (const rule of same) {
    for (const subset of rule.spec.subsets) {
      if (!subsets.some((one) => one.name === subset.name)) subsets.push(subset)
    }
  }
  const trafficPolicy = same.find((rule) => rule.spec.trafficPolicy !== null)?.spec.trafficPolicy ?? null
  return { object: first, trafficPolicy, subsets }
}

function namespacesOf(
  index: ConfigIndex,
  registrations: readonly Registration[],
  previous: ReadonlyMap<string, NamespaceWorkloads> | null,
): ReadonlyMap<string, NamespaceWorkloads> {
  const workloads = new Map<string, Workload[]>()
  for (const [namespace, list] of index.workloads) workloads.set(namespace, [...list])
  for (const registration of registrations) {
    const group = index.groups.get(`${registration.namespace}/${registration.group}`) ?? null
    const list = workloads.get(registration.namespace)
    const workload = workloadOfRegistration(registration, group)
    if (list === undefined) workloads.set(registration.namespace, [workload])
    else list.push(workload)
  }
  const namespaces = new Map<string, NamespaceWorkloads>()
  for (const name of new Set([...workloads.keys(), ...index.slices.keys()])) {
    const list = workloads.get(name) ?? []
    const slices = index.slices.get(name) ?? EMPTY_NAMESPACE.slices
    const before = previous?.get(name)
    if (before !== undefined && sameList(before.workloads, list) && sameSlices(before.slices, slices)) {
      namespaces.set(name, before)
      continue
    }
    const pods = new Map(list.filter((one) => one.pod).map((one) => [one.address, one]))
    namespaces.set(name, { workloads: list, pods, slices })
  }
  return namespaces
}

function sameSlices(a: NamespaceWorkloads['slices'], b: NamespaceWorkloads['slices']): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [name, list] of a) if (!sameList(list, b.get(name) ?? [])) return false
  return true
}

function sameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]))
}

const EMPTY_NAMESPACE: NamespaceWorkloads = { workloads: [], pods: new Map(), slices: new Map() }
