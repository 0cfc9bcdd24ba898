// @inmesh/agent/translate: Istio YAML to xDS inside a process, without files and without a server.
import type { ConfigObject } from '../ingest/config-store.ts'
import type { Proxy } from '../model/proxy.ts'
import { createPushContext, type PushContext } from '../model/push-context.ts'
import type { Registration } from '../model/registration.ts'
import { OnDemandGenerator } from '../serve/on-demand-generator.ts'
import { reachable } from './reachable.ts'
import type { TranslatedResource } from './resource.ts'

/** The resources that a client holds after it has asked for some listeners. */
export interface Translation {
  readonly listeners: readonly TranslatedResource[]
  readonly routeConfigurations: readonly TranslatedResource[]
  readonly clusters: readonly TranslatedResource[]
  readonly clusterLoadAssignments: readonly TranslatedResource[]
}

/**
 * Translates for one client: the listeners `names` (`host:port`, or the inbound naming) and everything that they lead to.
 * `registrations` are workloads beside those that the objects declare; default none.
 */
export function translate(
  objects: readonly ConfigObject[],
  proxy: Proxy,
  names: readonly string[],
  registrations: readonly Registration[] = [],
): Translation {
  return reachable(new OnDemandGenerator(), names, proxy, createPushContext(objects, registrations, null))
}

/** A client of namespace `namespace`, with what is given of the rest. */
export function createProxy(namespace: string, given: Partial<Omit<Proxy, 'namespace'>> = {}): Proxy {
  const name = given.name ?? 'client'
  const ips = given.ips ?? ['127.0.0.1']
  const dnsDomain = given.dnsDomain ?? `${namespace}.svc.cluster.local`
  return {
    id: given.id ?? `sidecar~${ips[0] ?? '127.0.0.1'}~${name}.${namespace}~${dnsDomain}`,
    type: given.type ?? 'sidecar',
    ips,
    name,
    namespace,
    dnsDomain,
    labels: given.labels ?? {},
    serviceAccount: given.serviceAccount ?? 'default',
    clusterId: given.clusterId ?? 'Kubernetes',
    generator: given.generator ?? 'inmesh',
    group: given.group ?? null,
    metadata: given.metadata ?? {},
  }
}

export type { ConfigObject, ConfigState, Problem } from '../ingest/config-store.ts'
export { readConfig } from '../ingest/file-store.ts'
export { createPushContext, OnDemandGenerator, type Proxy, type PushContext, type Registration }
export { TYPE_URL, type TranslatedResource, type TypeUrl } from './resource.ts'
