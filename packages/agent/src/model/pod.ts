// Pod of Kubernetes, as far as it says where a workload is and what its labels are.
import { z } from 'zod'
import { list, looseMessage, optional, text } from './field.ts'
import type { Kind } from './kind.ts'

/** What the mesh reads of a Pod. */
export interface Pod {
  /** '' while it has none. */
  readonly ip: string
  readonly serviceAccount: string
  /** Container ports by name. */
  readonly ports: Readonly<Record<string, number>>
  readonly ready: boolean
}

const container = looseMessage({ ports: list(looseMessage({ name: text, containerPort: z.number() })) })

/** The kind Pod. */
export const POD: Kind<Pod> = {
  group: '',
  versions: ['v1'],
  kind: 'Pod',
  body: 'object',
  namespaced: true,
  schema: looseMessage({
    spec: looseMessage({ serviceAccountName: text, containers: list(container) }),
    status: optional(
      looseMessage({
        podIP: text,
        phase: text,
        conditions: list(looseMessage({ type: text, status: text })),
      }),
    ),
  }).transform(({ spec, status }): Pod => {
    const ports: Record<string, number> = {}
    for (const { ports: declared } of spec.containers) {
      for (const { name, containerPort } of declared) if (name !== '') ports[name] = containerPort
    }
    const ready = status?.conditions.find((condition) => condition.type === 'Ready')
    const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed'
    return {
      ip: ended ? '' : (status?.podIP ?? ''),
      serviceAccount: spec.serviceAccountName === '' ? 'default' : spec.serviceAccountName,
      ports,
      ready: ready === undefined || ready.status === 'True',
    }
  }) as never,
}
