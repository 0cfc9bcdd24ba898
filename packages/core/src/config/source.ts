// Where configuration comes from, as the rest of config/ sees it: something that follows resources by type and name, and
// the types that a root is made of.
import type { Closeable } from '../runtime/closeable.ts'
import type { ResourceTypes } from '../resources/resource-types.ts'
import type { ResourceSource } from '../xds/watch.ts'

/** A source of configuration that is open. */
export interface ConfigSource extends Closeable {
  readonly resources: ResourceSource
  readonly types: ResourceTypes
  /** Resources asked for, with their status, version and last error, as JSON. */
  dump(): unknown
}
