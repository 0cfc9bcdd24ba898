// Resources for clients that ask by name (node metadata GENERATOR: inmesh): LDS for `host:port` on the first call to a host,
// from there RDS, CDS and EDS by the names found, and an inbound listener per address that the process listens on.
import { isIP } from 'node:net'
import type { Subset } from '../model/destination-rule.ts'
import { candidateHostNames, fullHostName } from '../model/host-name.ts'
import { type MeshPort, type MeshService, portOf } from '../model/mesh-service.ts'
import type { Proxy } from '../model/proxy.ts'
import type { DestinationPolicy, PushContext } from '../model/push-context.ts'
import type { VirtualService } from '../model/virtual-service.ts'
import { outboundCluster, passthroughCluster } from '../translate/cluster.ts'
import { clusterLoadAssignment, subsetOf } from '../translate/endpoint.ts'
import { inboundAddress, inboundListener } from '../translate/inbound-listener.ts'
import { outboundListener, unknownHostListener } from '../translate/listener.ts'
import { INBOUND_PREFIX, parseHostPort, parseOutboundName, PASSTHROUGH_CLUSTER } from '../translate/names.ts'
import { ResourceCache } from '../translate/resource-cache.ts'
import { TYPE_URL, type TranslatedResource, type TypeUrl } from '../translate/resource.ts'
import { routeConfiguration } from '../translate/route-configuration.ts'
import type { Generator } from './generator.ts'

/** The generator of the on-demand naming. One instance serves every client, and shares what is the same for several. */
export class OnDemandGenerator implements Generator {
  readonly #cache: ResourceCache

  constructor(cache: ResourceCache = new ResourceCache()) {
    this.#cache = cache
  }

  generate(typeUrl: TypeUrl, names: readonly string[], proxy: Proxy, push: PushContext): readonly TranslatedResource[] {
    const resources: TranslatedResource[] = []
    for (const name of names) {
      const resource = this.#one(typeUrl, name, proxy, push)
      if (resource !== null) resources.push(resource)
    }
    return resources
  }

  #one(typeUrl: TypeUrl, name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    switch (typeUrl) {
      case TYPE_URL.listener:
        return name.startsWith(INBOUND_PREFIX) ? this.#inbound(name, proxy, push) : this.#listener(name, proxy, push)
      case TYPE_URL.routeConfiguration:
        return this.#routes(name, proxy, push)
      case TYPE_URL.cluster:
        return this.#cluster(name, proxy, push)
      case TYPE_URL.clusterLoadAssignment:
        return this.#endpoints(name, proxy, push)
    }
  }

  #listener(name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    const asked = parseHostPort(name)
    if (asked === null) return null
    const { mesh } = push
    const host = knownHost(asked.host, asked.port, proxy, push)
    if (host === null) {
      return this.#cache.get(`lds ${name} -`, [mesh], () => unknownHostListener(name, asked.port, mesh))
    }
    return this.#cache.get(`lds ${name} ${host}`, [mesh], () => outboundListener(name, host, asked.port, mesh))
  }

  // A process that listens always gets an answer, known as a service or not: its policies hold all the same.
  #inbound(name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    const asked = inboundAddress(name.slice(INBOUND_PREFIX.length))
    if (asked === null) return null
    const { mesh } = push
    const services = push.inboundServices(proxy, asked.port)
    const inputs = [mesh, ...services.flatMap(({ service, port }) => [service, port])]
    return this.#cache.get(`lds ${name} ${proxy.id}`, inputs, () => {
      return inboundListener(name, asked.address, asked.port, services, mesh)
    })
  }

  #routes(name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    const asked = parseOutboundName(name)
    if (asked === null) return null
    const { host, port } = asked
    const service = push.service(host, proxy.namespace)
    const servicePort = service === null ? null : portOf(service, port)
    const virtualService = push.virtualService(host, proxy)
    if (servicePort === null && (virtualService === null || port !== HTTP_PORT)) return null
    const { mesh } = push
    const serviceOf = (of: string): MeshService | null => push.service(of, proxy.namespace)
    const spec = virtualService?.spec ?? null
    const destinations = spec === null ? [] : destinationServices(spec, virtualService?.namespace ?? '', serviceOf)
    const key = `rds ${name} ${proxy.namespace} ${spec !== null && readsLabels(spec) ? JSON.stringify(proxy.labels) : ''}`
    return this.#cache.get(key, [service, virtualService, mesh, ...destinations], () => {
      return routeConfiguration({ host, port, service, servicePort, virtualService, mesh, serviceOf }, proxy)
    })
  }

  #cluster(name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    const { mesh } = push
    if (name === PASSTHROUGH_CLUSTER) return this.#cache.get(`cds ${name}`, [mesh], () => passthroughCluster(mesh))
    const found = findCluster(name, proxy, push)
    if (found === null) return null
    const { service, port, policy, subset } = found
    const byName = service.resolution === 'dns' || service.resolution === 'dns_round_robin'
    const instances = byName ? push.instances(service, port) : NO_INSTANCES
    const key = `cds ${name} ${proxy.namespace} ${byName ? proxy.ips.map(isIP).join() : ''}`
    return this.#cache.get(key, [service, policy, instances, mesh], () => {
      const members = subset === null ? instances : subsetOf(instances, subset.labels)
      return outboundCluster({ service, port, subset, policy, instances: members, mesh }, proxy)
    })
  }

  // An empty answer tells a client at once that there is nobody, where no answer would let it wait.
  #endpoints(name: string, proxy: Proxy, push: PushContext): TranslatedResource | null {
    const found = findCluster(name, proxy, push)
    const instances = found === null ? NO_INSTANCES : push.instances(found.service, found.port)
    const labels = found?.subset?.labels ?? NO_LABELS
    const key = `eds ${name} ${proxy.namespace}`
    return this.#cache.get(key, [instances, labels], () => clusterLoadAssignment(name, instances, labels))
  }
}

interface FoundCluster {
  readonly service: MeshService
  readonly port: MeshPort
  readonly policy: DestinationPolicy | null
  readonly subset: Subset | null
}

function findCluster(name: string, proxy: Proxy, push: PushContext): FoundCluster | null {
  const asked = parseOutboundName(name)
  if (asked === null) return null
  const service = push.service(asked.host, proxy.namespace)
  const port = service === null ? null : portOf(service, asked.port)
  // A wildcard's cluster goes by the wildcard, not by a name that it covers.
  if (service === null || port === null || service.host !== asked.host) return null
  const policy = push.destinationRule(service, proxy)
  if (asked.subset === '') return { service, port, policy, subset: null }
  const subset = policy?.subsets.find(({ name: own }) => own === asked.subset)
  return subset === undefined ? null : { service, port, policy, subset }
}

// The full name that the proxy means; null when the mesh does not know host and port.
function knownHost(host: string, port: number, proxy: Proxy, push: PushContext): string | null {
  if (isIP(host) !== 0) return push.serviceAt(host, port, proxy.namespace)?.host ?? null
  const candidates = candidateHostNames(host, proxy.namespace, proxy.dnsDomain)
  for (const candidate of candidates) {
    const service = push.service(candidate, proxy.namespace)
    if (service !== null && portOf(service, port) !== null) return candidate
  }
  // Routes for a host that is no service hold on port 80, as in a sidecar.
  if (port !== HTTP_PORT) return null
  return candidates.find((candidate) => push.virtualService(candidate, proxy) !== null) ?? null
}

// What the routes depend on besides the host's own service.
function destinationServices(
  spec: VirtualService,
  namespace: string,
  serviceOf: (host: string) => MeshService | null,
): (MeshService | null)[] {
  const services: (MeshService | null)[] = []
  for (const { route } of spec.http) {
    for (const { destination } of route) services.push(serviceOf(fullHostName(destination.host, namespace)))
  }
  return services
}

function readsLabels(spec: VirtualService): boolean {
  return spec.http.some(({ match }) => match.some(({ sourceLabels }) => Object.keys(sourceLabels).length > 0))
}

const HTTP_PORT = 80
const NO_INSTANCES: readonly never[] = []
const NO_LABELS: Readonly<Record<string, string>> = {}
