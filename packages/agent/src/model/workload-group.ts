// WorkloadGroup: what the workloads that register themselves have in common (networking.istio.io).
import { z } from 'zod'
import { anything, map, message, notHonoured, optional, text } from './field.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'
import type { Labels } from './labels.ts'
import { workloadEntry, type WorkloadEntry } from './workload-entry.ts'

/** Spec of a WorkloadGroup. */
export interface WorkloadGroup {
  /** Labels that each registered workload gets. */
  readonly metadata: { readonly labels: Labels } | null
  readonly template: WorkloadEntry | null
  readonly probe: unknown
}

const spec: z.ZodType<WorkloadGroup> = message({
  metadata: optional(message({ name: text, namespace: text, labels: map(z.string()), annotations: map(z.string()) })),
  template: optional(workloadEntry),
  probe: anything,
})

/** The kind WorkloadGroup. */
export const WORKLOAD_GROUP: Kind<WorkloadGroup> = {
  group: 'networking.istio.io',
  versions: NETWORKING_VERSIONS,
  kind: 'WorkloadGroup',
  body: 'spec',
  namespaced: true,
  schema: spec,
  check(group, report) {
    notHonoured(report, [], group, ['probe'])
    if (group.template !== null && group.template.address !== '') {
      const message = 'has no effect: a registered workload has the address that it connects with'
      report('warning', ['template', 'address'], message)
    }
  },
}
