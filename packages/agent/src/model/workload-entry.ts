// WorkloadEntry: one workload outside Kubernetes, by address (networking.istio.io).
import { z } from 'zod'
import { integer, map, message, optional, port, text } from './field.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'
import type { Labels } from './labels.ts'

/** Spec of a WorkloadEntry; also an endpoint of a ServiceEntry and the template of a WorkloadGroup. */
export interface WorkloadEntry {
  /** IP address, or a DNS name where the ServiceEntry resolves names; '' in a template. */
  readonly address: string
  /** Ports of the workload by the name of the service's port. */
  readonly ports: Readonly<Record<string, number>>
  readonly labels: Labels
  readonly network: string
  /** `region/zone/subzone` */
  readonly locality: string
  /** Null is 1; 0 is no traffic. */
  readonly weight: number | null
  readonly serviceAccount: string
}

/** Schema of a WorkloadEntry, as endpoint and template too. */
export const workloadEntry: z.ZodType<WorkloadEntry, unknown> = message({
  address: text,
  ports: map(port),
  labels: map(z.string()),
  network: text,
  locality: text,
  weight: optional(integer(0)),
  serviceAccount: text,
})

/** The kind WorkloadEntry. */
export const WORKLOAD_ENTRY: Kind<WorkloadEntry> = {
  group: 'networking.istio.io',
  versions: NETWORKING_VERSIONS,
  kind: 'WorkloadEntry',
  body: 'spec',
  namespaced: true,
  schema: workloadEntry.refine((entry) => entry.address !== '', {
    path: ['address'],
    message: 'is missing: give the IP address of the workload',
  }),
  check(entry, report) {
    if (entry.address.startsWith('unix://')) {
      report('warning', ['address'], 'a unix socket as address is not honoured yet: the entry has no endpoint')
    }
  },
}
