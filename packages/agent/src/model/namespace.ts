// Namespace of Kubernetes: its labels are all that a mesh reads.
import { looseMessage } from './field.ts'
import type { Kind } from './kind.ts'

/** The kind Namespace. */
export const NAMESPACE: Kind<Readonly<Record<string, never>>> = {
  group: '',
  versions: ['v1'],
  kind: 'Namespace',
  body: 'object',
  namespaced: false,
  schema: looseMessage({}),
}
