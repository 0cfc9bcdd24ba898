// All support tables, for docs/support-matrix.md. Loads no generated message.
import { clusterSupport } from './cluster.support.ts'
import { endpointSupport } from './endpoint.support.ts'
import { listenerSupport } from './listener.support.ts'
import { routeConfigurationSupport } from './route-configuration.support.ts'
import type { FieldSupport } from './support.ts'

/** One table per resource, in the order in which xDS leads from one to the next. */
export const supportTables: readonly { readonly resource: string; readonly fields: readonly FieldSupport[] }[] = [
  listenerSupport,
  routeConfigurationSupport,
  clusterSupport,
  endpointSupport,
]
