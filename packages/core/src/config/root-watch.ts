// One root of the configuration: its listener, the route configurations and clusters that the listener leads to.
import type { Listener } from '../resources/listener.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'
import type { Cluster as ClusterResource } from '../resources/cluster.ts'
import { clusterNames } from '../route/route-table.ts'
import type { Subscription } from '../runtime/closeable.ts'
import type { MeshError } from '../runtime/errors.ts'
import type { ResourceSource } from '../xds/watch.ts'
import type { ClusterSlot } from './cluster-slot.ts'
import type { RootWatcher } from './dependency-manager.ts'
import { connectionManagers, type Snapshot } from './snapshot.ts'
import type { ResourceTypes } from '../resources/resource-types.ts'

/** Where a root gets its clusters: each hold is given back once. */
export interface ClusterHolds {
  retain(name: string): ClusterSlot
  release(slot: ClusterSlot): void
}

/** Follows a listener and what it names, and tells the watcher of each whole state. */
export class RootWatch {
  readonly name: string
  /** What was published last; null before, and after the listener went away. */
  snapshot: Snapshot | null = null
  /** Why there is no snapshot; null while it is waited for, and when there is one. */
  error: MeshError | null = null
  /** The last error beside which the snapshot stays good; null after a change. */
  ambientError: MeshError | null = null

  readonly #watcher: RootWatcher
  readonly #source: ResourceSource
  readonly #types: ResourceTypes
  readonly #holds: ClusterHolds
  readonly #watch: Subscription
  /** The newest listener, published or still waiting for what it names. */
  #listener: Listener | null = null
  readonly #routes = new Map<string, RouteWatch>()
  readonly #slots = new Map<string, ClusterSlot>()
  #closed = false

  constructor(
    name: string,
    watcher: RootWatcher,
    from: { readonly source: ResourceSource; readonly types: ResourceTypes },
    holds: ClusterHolds,
  ) {
    this.name = name
    this.#watcher = watcher
    this.#source = from.source
    this.#types = from.types
    this.#holds = holds
    this.#watch = from.source.watch(from.types.listener, name, {
      onChanged: (listener) => {
        this.#listener = listener
        this.ambientError = null
        this.evaluate()
      },
      onError: (error) => this.#onListenerError(error),
      onAmbientError: (error) => {
        this.ambientError = error
      },
    })
  }

  holds(slot: ClusterSlot): boolean {
    return this.#slots.get(slot.name) === slot
  }

  /** What a root that has no snapshot waits for, such as `Cluster outbound|80||reviews`. */
  get waitingFor(): string[] {
    if (this.error !== null) return []
    if (this.#listener === null) return [`Listener ${this.name}`]
    const names: string[] = []
    for (const [name, route] of this.#routes) if (route.value === null) names.push(`RouteConfiguration ${name}`)
    for (const slot of this.#slots.values()) if (!slot.resolved) names.push(`Cluster ${slot.name}`)
    return names
  }

  /** Publishes when the newest state is whole; else asks for what is missing and keeps what was published. */
  evaluate(): void {
    const listener = this.#listener
    if (listener === null || this.#closed) return
    const routes = this.#resolveRoutes(listener)
    if (routes === null) return
    const clusters = this.#resolveClusters(listener, routes)
    if (clusters === null) return
    this.error = null
    this.snapshot = { root: this.name, listener, routeConfigurations: routes, clusters }
    this.#watcher.onSnapshot(this.snapshot)
    this.#releaseExcept(routes, clusters)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.cancel()
    this.#releaseExcept(NOTHING, NOTHING)
  }

  #onListenerError(error: MeshError): void {
    this.#listener = null
    this.snapshot = null
    this.error = error
    this.#watcher.onError(error)
    this.#releaseExcept(NOTHING, NOTHING)
  }

  #resolveRoutes(listener: Listener): Map<string, RouteConfiguration | MeshError> | null {
    const values = new Map<string, RouteConfiguration | MeshError>()
    let whole = true
    for (const manager of connectionManagers(listener)) {
      const name = manager.routeConfigName
      if (manager.inlineRouteConfig !== null || name === null) continue
      const value = (this.#routes.get(name) ?? this.#watchRoutes(name)).value
      if (value === null) whole = false
      else values.set(name, value)
    }
    return whole ? values : null
  }

  #resolveClusters(
    listener: Listener,
    routes: ReadonlyMap<string, RouteConfiguration | MeshError>,
  ): Map<string, ClusterResource | MeshError> | null {
    const values = new Map<string, ClusterResource | MeshError>()
    let whole = true
    const add = (config: RouteConfiguration): void => {
      for (const name of clusterNames(config)) {
        let slot = this.#slots.get(name)
        if (slot === undefined) {
          slot = this.#holds.retain(name)
          this.#slots.set(name, slot)
        }
        const value = slot.cluster?.resource ?? slot.error
        if (value === null) whole = false
        else values.set(name, value)
      }
    }
    for (const manager of connectionManagers(listener))
      if (manager.inlineRouteConfig !== null) add(manager.inlineRouteConfig)
    for (const value of routes.values()) if (!(value instanceof Error)) add(value)
    return whole ? values : null
  }

  #watchRoutes(name: string): RouteWatch {
    const route: RouteWatch = {
      value: null,
      watch: this.#source.watch(this.#types.routeConfiguration, name, {
        onChanged: (config) => {
          route.value = config
          this.ambientError = null
          this.evaluate()
        },
        onError: (error) => {
          route.value = error
          this.evaluate()
        },
        onAmbientError: (error) => {
          this.ambientError = error
        },
      }),
    }
    this.#routes.set(name, route)
    return route
  }

  #releaseExcept(routes: ReadonlyMap<string, unknown>, clusters: ReadonlyMap<string, unknown>): void {
    for (const [name, route] of this.#routes) {
      if (routes.has(name)) continue
      route.watch.cancel()
      this.#routes.delete(name)
    }
    for (const [name, slot] of this.#slots) {
      if (clusters.has(name)) continue
      this.#slots.delete(name)
      this.#holds.release(slot)
    }
  }
}

interface RouteWatch {
  readonly watch: Subscription
  /** Null while it is waited for. */
  value: RouteConfiguration | MeshError | null
}

const NOTHING: ReadonlyMap<string, unknown> = new Map()
