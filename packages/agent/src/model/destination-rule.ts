// DestinationRule: subsets of a host and how its endpoints are called (networking.istio.io).
import { z } from 'zod'
import { hostName, list, map, message, optional } from './field.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'
import type { Labels } from './labels.ts'
import { checkTrafficPolicy, trafficPolicy, type TrafficPolicy } from './traffic-policy.ts'

/** Endpoints of the host that carry the labels. */
export interface Subset {
  readonly name: string
  readonly labels: Labels
  readonly trafficPolicy: TrafficPolicy | null
}

/** Spec of a DestinationRule. */
export interface DestinationRule {
  /** As written: a short name belongs to the object's namespace. */
  readonly host: string
  readonly trafficPolicy: TrafficPolicy | null
  readonly subsets: readonly Subset[]
  /** Namespaces that see it; empty is the mesh's default. */
  readonly exportTo: readonly string[]
  /** Clients that it is for; null for all. Works within its own namespace. */
  readonly workloadSelector: { readonly matchLabels: Labels } | null
}

const subset: z.ZodType<Subset> = message({
  name: z.string().regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$/, 'must be a name of letters, digits, - and .'),
  labels: map(z.string()),
  trafficPolicy: optional(trafficPolicy),
})

const spec: z.ZodType<DestinationRule> = message({
  host: hostName(true),
  trafficPolicy: optional(trafficPolicy),
  subsets: list(subset),
  exportTo: list(z.string()),
  workloadSelector: optional(message({ matchLabels: map(z.string()) })),
}).superRefine((given, ctx) => {
  given.subsets.forEach(({ name }, i) => {
    if (given.subsets.findIndex((other) => other.name === name) === i) return
    ctx.addIssue({
      code: 'custom',
      path: ['subsets', i, 'name'],
      message: `"${name}" is there twice: rename or remove one`,
    })
  })
})

/** The kind DestinationRule. */
export const DESTINATION_RULE: Kind<DestinationRule> = {
  group: 'networking.istio.io',
  versions: NETWORKING_VERSIONS,
  kind: 'DestinationRule',
  body: 'spec',
  namespaced: true,
  schema: spec,
  check(given, report) {
    if (given.trafficPolicy !== null) checkTrafficPolicy(report, ['trafficPolicy'], given.trafficPolicy)
    given.subsets.forEach(({ trafficPolicy: policy }, i) => {
      if (policy !== null) checkTrafficPolicy(report, ['subsets', i, 'trafficPolicy'], policy)
    })
  },
}
