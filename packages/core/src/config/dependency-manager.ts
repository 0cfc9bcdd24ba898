// Follows LDS, RDS, CDS and EDS from each root and publishes a Snapshot when all that the root names is there (gRFC A74).
// Whole per root: a slow cluster of one listener holds nobody else up. A change is published only when everything that
// it newly names has come, so that traffic never moves to a cluster that is not there yet.
import type { ClusterLookup } from '../cluster/cluster.ts'
import type { Cluster as ClusterResource } from '../resources/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Subscription } from '../runtime/closeable.ts'
import type { MeshError } from '../runtime/errors.ts'
import type { ResourceSource } from '../xds/watch.ts'
import { ClusterSlot, type ClusterSlotContext, type UpdatableCluster } from './cluster-slot.ts'
import { RootWatch } from './root-watch.ts'
import type { Snapshot } from './snapshot.ts'
import type { ResourceTypes } from '../resources/resource-types.ts'

/** Follows one root. Calls never come from inside `watch()`. */
export interface RootWatcher {
  onSnapshot(snapshot: Snapshot): void
  /** There is no listener of that name, or the only version of it was rejected. A snapshot given before is void. */
  onError(error: MeshError): void
}

/** What the manager needs around it. */
export interface DependencyManagerContext<C extends UpdatableCluster> {
  readonly source: ResourceSource
  readonly types: ResourceTypes
  readonly clock: Clock
  createCluster(resource: ClusterResource): C
}

/** Holds the roots and the clusters that they share. */
export class DependencyManager<C extends UpdatableCluster = UpdatableCluster> implements ClusterLookup {
  readonly #context: DependencyManagerContext<C>
  readonly #slotContext: ClusterSlotContext<C>
  readonly #slots = new Map<string, ClusterSlot<C>>()
  readonly #roots = new Set<RootWatch>()

  constructor(context: DependencyManagerContext<C>) {
    this.#context = context
    this.#slotContext = { ...context, onChanged: (slot) => this.#onSlotChanged(slot) }
  }

  /** Follows a root until the subscription is cancelled. */
  watch(root: string, watcher: RootWatcher): Subscription {
    const watch = new RootWatch(root, watcher, this.#context, this)
    this.#roots.add(watch)
    return {
      cancel: () => {
        if (this.#roots.delete(watch)) watch.close()
      },
    }
  }

  /** The cluster in force; null when there is none of that name. */
  find(name: string): C | null {
    const slot = this.#slots.get(name)
    return slot === undefined ? null : slot.cluster
  }

  /** Takes a hold on a cluster: it is followed from the first hold to the last. */
  retain(name: string): ClusterSlot<C> {
    let slot = this.#slots.get(name)
    if (slot === undefined) {
      slot = new ClusterSlot(name, this.#slotContext)
      this.#slots.set(name, slot)
    }
    slot.holders++
    return slot
  }

  release(slot: Pick<ClusterSlot<C>, 'name' | 'holders' | 'close'>): void {
    if (--slot.holders > 0) return
    this.#slots.delete(slot.name)
    slot.close()
  }

  /** Every root and cluster that is followed, for the configuration dump. */
  get roots(): Iterable<RootWatch> {
    return this.#roots
  }

  get slots(): Iterable<ClusterSlot<C>> {
    return this.#slots.values()
  }

  close(): void {
    for (const root of this.#roots) root.close()
    this.#roots.clear()
  }

  #onSlotChanged(slot: ClusterSlot<C>): void {
    for (const root of this.#roots) if (root.holds(slot)) root.evaluate()
  }
}
