// Service of Kubernetes: a name in front of the workloads that its selector takes.
import { z } from 'zod'
import { anything, flag, integer, list, message, optional, port, text } from './field.ts'
import type { Kind } from './kind.ts'
import type { Labels } from './labels.ts'

/** A port of a Service. */
export interface KubernetesPort {
  readonly name: string
  readonly port: number
  /** Number or name of the workload's port; null is the same as `port`. */
  readonly targetPort: number | string | null
  readonly protocol: string | null
  readonly appProtocol: string | null
}

/** Spec of a Service, as far as it says where workloads are. */
export interface KubernetesService {
  readonly type: string
  /** Null: endpoints come from EndpointSlices only. */
  readonly selector: Labels | null
  readonly ports: readonly KubernetesPort[]
  /** `None` makes it headless. */
  readonly clusterIP: string
  readonly clusterIPs: readonly string[]
  /** A name elsewhere that the Service stands for, with type ExternalName. */
  readonly externalName: string
}

const servicePort: z.ZodType<KubernetesPort> = message({
  name: text,
  port,
  targetPort: optional(z.custom<number | string>(isTargetPort, 'must be a port number, or the name of a port')),
  protocol: optional(z.enum(['TCP', 'UDP', 'SCTP'])),
  appProtocol: optional(z.string()),
  nodePort: optional(integer(0, 65_535)),
})

// Kubernetes' own fields that say nothing to a mesh are taken without a word; only a misspelt one is worth a warning.
const spec: z.ZodType<KubernetesService> = message({
  type: text,
  selector: optional(z.record(z.string(), z.string())),
  ports: list(servicePort),
  clusterIP: text,
  clusterIPs: list(z.string()),
  externalName: text,
  publishNotReadyAddresses: flag,
  allocateLoadBalancerNodePorts: anything,
  externalIPs: anything,
  externalTrafficPolicy: anything,
  healthCheckNodePort: anything,
  internalTrafficPolicy: anything,
  ipFamilies: anything,
  ipFamilyPolicy: anything,
  loadBalancerClass: anything,
  loadBalancerIP: anything,
  loadBalancerSourceRanges: anything,
  sessionAffinity: anything,
  sessionAffinityConfig: anything,
  trafficDistribution: anything,
}).superRefine((given, ctx) => {
  if (given.ports.length === 0 && given.type !== 'ExternalName' && given.clusterIP !== 'None') {
    ctx.addIssue({ code: 'custom', path: ['ports'], message: 'is missing: give the ports of the service' })
  }
  given.ports.forEach(({ name, port: number, protocol }, i) => {
    const same = (other: KubernetesPort) =>
      other.name === name || (other.port === number && (other.protocol ?? 'TCP') === (protocol ?? 'TCP'))
    const twice = given.ports.findIndex(same)
    if (twice === i) return
    const reason = name === '' ? 'has no name beside another port' : `repeats the name or number of ports[${twice}]`
    ctx.addIssue({ code: 'custom', path: ['ports', i], message: `${reason}: give each port a name of its own` })
  })
})

function isTargetPort(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value > 0 && value < 65_536
  return typeof value === 'string' && value !== ''
}

/** The kind Service. */
export const SERVICE: Kind<KubernetesService> = {
  group: '',
  versions: ['v1'],
  kind: 'Service',
  body: 'spec',
  namespaced: true,
  schema: spec,
}
