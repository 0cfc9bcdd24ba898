// How somebody follows one resource. The difference between a dead old value and a good one lies in the method (gRFC A88).
import type { Subscription } from '../runtime/closeable.ts'
import type { MeshError } from '../runtime/errors.ts'
import type { ResourceType } from './resource-type.ts'

/** Follows one resource. Calls never come from inside `watch()` itself, always later. */
export interface ResourceWatcher<T> {
  /** The resource came for the first time or changed. */
  onChanged(resource: T): void
  /** There is no usable resource: it does not exist, or it never came, or the only version was rejected. An old value is void. */
  onError(error: MeshError): void
  /**
   * Something went wrong (a rejected update, a lost stream). The value delivered before stays good; if there was none, it is
   * still awaited.
   */
  onAmbientError(error: MeshError): void
}

/** What the configuration side needs of an xDS client. */
export interface ResourceSource {
  watch<T>(type: ResourceType<T>, name: string, watcher: ResourceWatcher<T>): Subscription
}
