// Instances: a workload as an endpoint of one port of one service.
import type { Labels } from './labels.ts'
import type { MeshPort, MeshService } from './mesh-service.ts'
import type { Workload } from './workload.ts'

/** An endpoint of a service's port. */
export interface Instance {
  readonly address: string
  readonly port: number
  readonly healthy: boolean
  readonly weight: number
  /** `region/zone/subzone`; '' when unknown. */
  readonly locality: string
  readonly labels: Labels
  readonly namespace: string
  /** '' when unknown. */
  readonly workloadName: string
  readonly serviceAccount: string
  readonly clusterId: string
}

/** The workload as an instance of `port`; null when it can't be one: it has no port of that name. */
export function instanceOf(service: MeshService, port: MeshPort, workload: Workload): Instance | null {
  const at = resolvePort(service, port, workload)
  if (at === null || workload.weight === 0) return null
  return {
    address: workload.address,
    port: at.port,
    healthy: at.healthy && workload.ready,
    weight: workload.weight,
    locality: workload.locality,
    labels: workload.labels,
    namespace: workload.namespace,
    workloadName: workload.name,
    serviceAccount: workload.serviceAccount,
    clusterId: workload.clusterId,
  }
}

/**
 * Where the workload serves the port, and whether it listens there. A registered workload tells by its inbound listeners:
 * the port that its group names for the service's port comes first, then the service's target port; a workload that
 * listens on one port only, which is no other port's target, serves this one there. Until it listens it is unhealthy at
 * its default port.
 */
export function resolvePort(
  service: MeshService,
  port: MeshPort,
  workload: Workload,
): { readonly port: number; readonly healthy: boolean } | null {
  const named = namedPort(service, port, workload)
  const numbered = numberedPort(port)
  const { listening } = workload
  const expected = named ?? numbered
  if (listening === null) return expected === null ? null : { port: expected, healthy: true }
  if (named !== null && listening.includes(named)) return { port: named, healthy: true }
  if (numbered !== null && listening.includes(numbered)) return { port: numbered, healthy: true }
  const only = listening.length === 1 ? (listening[0] as number) : null
  if (named === null && only !== null && !servesOther(service, port, workload, only))
    return { port: only, healthy: true }
  return expected === null ? null : { port: expected, healthy: false }
}

function servesOther(service: MeshService, port: MeshPort, workload: Workload, number: number): boolean {
  return service.ports.some(
    (other) => other !== port && (namedPort(service, other, workload) ?? numberedPort(other)) === number,
  )
}

// The port that the workload declares by name. A Kubernetes Service with a numbered target port does not ask for one
// unless the workload registered itself: its group knows best where it listens.
function namedPort(service: MeshService, port: MeshPort, workload: Workload): number | null {
  if (typeof port.targetPort === 'string') return workload.ports[port.targetPort] ?? null
  if (service.kubernetes && port.targetPort !== null && workload.listening === null) return null
  if (service.kubernetes && workload.pod) return null
  return port.name === '' ? null : (workload.ports[port.name] ?? null)
}

function numberedPort(port: MeshPort): number | null {
  if (typeof port.targetPort === 'string') return null
  return port.targetPort ?? port.number
}

/** Both lists hold the same instances in the same order. */
export function sameInstances(a: readonly Instance[], b: readonly Instance[]): boolean {
  return a.length === b.length && a.every((instance, i) => sameInstance(instance, b[i] as Instance))
}

function sameInstance(a: Instance, b: Instance): boolean {
  if (a === b) return true
  for (const key in a) {
    if (key !== 'labels' && a[key as keyof Instance] !== b[key as keyof Instance]) return false
  }
  return a.labels === b.labels || sameLabels(a.labels, b.labels)
}

function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
