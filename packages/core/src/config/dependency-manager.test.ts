import { describe, expect, test } from 'vitest'
import type { Cluster as ClusterResource } from '../resources/cluster.ts'
import type { ClusterLoadAssignment } from '../resources/endpoint.ts'
import type { Listener } from '../resources/listener.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'
import { MeshError } from '../runtime/errors.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import type { ResourceType } from '../xds/resource-type.ts'
import type { ResourceSource, ResourceWatcher } from '../xds/watch.ts'
import type { UpdatableCluster } from './cluster-slot.ts'
import { DependencyManager } from './dependency-manager.ts'
import type { Snapshot } from './snapshot.ts'
import type { ResourceTypes } from '../resources/resource-types.ts'

describe('a root', () => {
  test('is published once its listener, routes, clusters and endpoints are there, and not before', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.source.set('Listener', 'reviews:9080', listener('reviews:9080', 'routes'))
    world.source.set('RouteConfiguration', 'routes', routes('routes', ['v1', 'v2']))
    world.source.set('Cluster', 'v1', edsCluster('v1'))
    world.source.set('ClusterLoadAssignment', 'v1', endpoints('v1'))
    world.source.set('Cluster', 'v2', edsCluster('v2'))
    expect(root.snapshots).toHaveLength(0)
    world.source.set('ClusterLoadAssignment', 'v2', endpoints('v2'))
    expect(root.snapshots).toHaveLength(1)
    expect([...(root.last?.clusters.keys() ?? [])]).toEqual(['v1', 'v2'])
    expect(world.manager.find('v2')?.name).toBe('v2')
  })

  test('is held up by nobody else: a slow cluster of another root does not delay it', () => {
    const world = new World()
    const slow = world.root('slow:80')
    const quick = world.root('quick:80')
    world.serve('slow:80', ['never'])
    world.source.remove('ClusterLoadAssignment', 'never')
    world.serve('quick:80', ['there'])
    expect(slow.snapshots).toHaveLength(0)
    expect(quick.snapshots).toHaveLength(1)
  })

  test('has an error in the place of a resource that never came', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.source.set('Listener', 'reviews:9080', listener('reviews:9080', 'routes'))
    world.source.set('RouteConfiguration', 'routes', routes('routes', ['v1', 'gone']))
    world.addCluster('v1')
    world.source.fail('Cluster', 'gone', missing)
    expect(root.last?.clusters.get('gone')).toBe(missing)
    expect(world.manager.find('gone')).toBeNull()
    expect(world.manager.find('v1')).not.toBeNull()
  })

  test('has a cluster without endpoints when only its endpoints never came', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.source.set('Listener', 'reviews:9080', listener('reviews:9080', 'routes'))
    world.source.set('RouteConfiguration', 'routes', routes('routes', ['v1']))
    world.source.set('Cluster', 'v1', edsCluster('v1'))
    world.source.fail('ClusterLoadAssignment', 'v1', missing)
    expect(root.snapshots).toHaveLength(1)
    expect(world.cluster('v1').assignment?.localities).toEqual([])
  })

  test('tells when its listener does not exist, and lets go of what the listener named', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    world.source.fail('Listener', 'reviews:9080', missing)
    expect(root.errors).toEqual([missing])
    expect(world.source.watched()).toEqual(['Listener reviews:9080'])
    expect(world.cluster('v1').closed).toBe(true)
  })

  test('keeps its snapshot beside an ambient error', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    for (const [type, name] of ALL) world.source.ambient(type, name, missing)
    expect(root.snapshots).toHaveLength(1)
    expect(root.errors).toHaveLength(0)
    expect(world.manager.find('v1')).not.toBeNull()
  })

  test('asks for nothing before it is watched, and for nothing after it is cancelled', () => {
    const world = new World()
    expect(world.source.watched()).toEqual([])
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    expect(world.source.watched()).toHaveLength(4)
    root.subscription.cancel()
    expect(world.source.watched()).toEqual([])
  })
})

describe('an update', () => {
  test('that names a new cluster is published only when that cluster and its endpoints are there', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    world.source.set('RouteConfiguration', 'reviews:9080', routes('reviews:9080', ['v1', 'v2']))
    world.source.set('Cluster', 'v2', edsCluster('v2'))
    expect(root.snapshots).toHaveLength(1)
    world.source.set('ClusterLoadAssignment', 'v2', endpoints('v2'))
    expect(root.snapshots).toHaveLength(2)
    expect(world.manager.find('v2')).not.toBeNull()
  })

  test('keeps the cluster that the routes leave until the new routes are published', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    world.source.set('RouteConfiguration', 'reviews:9080', routes('reviews:9080', ['v2']))
    expect(world.cluster('v1').closed).toBe(false)
    world.addCluster('v2')
    expect(root.snapshots).toHaveLength(2)
    expect(world.cluster('v1').closed).toBe(true)
    expect(world.manager.find('v1')).toBeNull()
  })

  test('that is overtaken by another is never published', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    world.source.set('RouteConfiguration', 'reviews:9080', routes('reviews:9080', ['never']))
    world.source.set('RouteConfiguration', 'reviews:9080', routes('reviews:9080', ['v2']))
    world.addCluster('v2')
    expect(root.snapshots.map((s) => [...s.clusters.keys()])).toEqual([['v1'], ['v2']])
    expect(world.source.watched()).not.toContain('Cluster never')
  })

  test('of endpoints goes straight to the cluster and makes no snapshot', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    const before = world.cluster('v1')
    const fresh = endpoints('v1')
    world.source.set('ClusterLoadAssignment', 'v1', fresh)
    expect(root.snapshots).toHaveLength(1)
    expect(world.cluster('v1')).toBe(before)
    expect(before.assignment).toBe(fresh)
  })

  test('of a cluster reaches the same live cluster, so that its state survives', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    const before = world.cluster('v1')
    const fresh = edsCluster('v1')
    world.source.set('Cluster', 'v1', fresh)
    expect(world.cluster('v1')).toBe(before)
    expect(before.resource).toBe(fresh)
    expect(root.last?.clusters.get('v1')).toBe(fresh)
  })

  test('to another EDS name keeps the old endpoints until the new ones are there, and starts with fresh state', () => {
    const world = new World()
    world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    const before = world.cluster('v1')
    world.source.set('Cluster', 'v1', edsCluster('v1', 'elsewhere'))
    expect(world.cluster('v1')).toBe(before)
    expect(before.closed).toBe(false)
    world.source.set('ClusterLoadAssignment', 'elsewhere', endpoints('elsewhere'))
    expect(world.cluster('v1')).not.toBe(before)
    expect(world.cluster('v1').assignment?.clusterName).toBe('elsewhere')
    expect(before.closed).toBe(true)
    expect(world.source.watched()).not.toContain('ClusterLoadAssignment v1')
  })

  test('that removes a cluster takes effect after a moment, so that the routes that leave it come first', () => {
    const world = new World()
    const root = world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    world.source.fail('Cluster', 'v1', missing)
    expect(world.manager.find('v1')).not.toBeNull()
    world.clock.advance(4_999)
    expect(world.manager.find('v1')).not.toBeNull()
    world.clock.advance(1)
    expect(world.manager.find('v1')).toBeNull()
    expect(root.last?.clusters.get('v1')).toBe(missing)
  })

  test('that brings a removed cluster back in time costs nothing', () => {
    const world = new World()
    world.root('reviews:9080')
    world.serve('reviews:9080', ['v1'])
    const before = world.cluster('v1')
    world.source.fail('Cluster', 'v1', missing)
    world.source.set('Cluster', 'v1', edsCluster('v1'))
    world.clock.advance(60_000)
    expect(world.cluster('v1')).toBe(before)
    expect(before.closed).toBe(false)
  })
})

describe('a cluster', () => {
  test('is shared: one watch, one live cluster, until the last root lets go', () => {
    const world = new World()
    const one = world.root('one:80')
    const two = world.root('two:80')
    world.serve('one:80', ['shared'])
    world.serve('two:80', ['shared'])
    expect(world.created).toBe(1)
    expect(world.source.watched().filter((w) => w.endsWith(' shared'))).toHaveLength(2)
    one.subscription.cancel()
    expect(world.cluster('shared').closed).toBe(false)
    two.subscription.cancel()
    expect(world.source.watched()).toEqual([])
  })

  test('without EDS needs no endpoints to be asked for', () => {
    const world = new World()
    const root = world.root('passthrough:80')
    world.source.set('Listener', 'passthrough:80', listener('passthrough:80', 'r'))
    world.source.set('RouteConfiguration', 'r', routes('r', ['PassthroughCluster']))
    world.source.set('Cluster', 'PassthroughCluster', {
      ...edsCluster('PassthroughCluster'),
      discovery: { kind: 'original_dst' },
    })
    expect(root.snapshots).toHaveLength(1)
  })
})

const missing = new MeshError('MESH_XDS_RESOURCE_MISSING', 'no such resource')
const ALL = [
  ['Listener', 'reviews:9080'],
  ['RouteConfiguration', 'reviews:9080'],
  ['Cluster', 'v1'],
  ['ClusterLoadAssignment', 'v1'],
] as const

class World {
  readonly source = new MemorySource()
  readonly clock = new FakeClock()
  readonly live = new Map<string, RecordingCluster>()
  created = 0
  readonly manager = new DependencyManager({
    source: this.source,
    types: {
      listener: type('Listener'),
      routeConfiguration: type('RouteConfiguration'),
      cluster: type('Cluster'),
      endpoints: type('ClusterLoadAssignment'),
    } satisfies ResourceTypes,
    clock: this.clock,
    createCluster: (resource) => {
      this.created++
      const cluster = new RecordingCluster(resource)
      this.live.set(resource.name, cluster)
      return cluster as unknown as UpdatableCluster
    },
  })

  root(name: string) {
    const snapshots: Snapshot[] = []
    const errors: MeshError[] = []
    const subscription = this.manager.watch(name, {
      onSnapshot: (snapshot) => snapshots.push(snapshot),
      onError: (error) => errors.push(error),
    })
    return {
      snapshots,
      errors,
      subscription,
      get last() {
        return snapshots.at(-1)
      },
    }
  }

  serve(root: string, clusters: string[]) {
    this.source.set('Listener', root, listener(root, root))
    this.source.set('RouteConfiguration', root, routes(root, clusters))
    for (const name of clusters) if (name !== 'never') this.addCluster(name)
  }

  addCluster(name: string) {
    this.source.set('Cluster', name, edsCluster(name))
    this.source.set('ClusterLoadAssignment', name, endpoints(name))
  }

  cluster(name: string): RecordingCluster {
    return this.live.get(name) as RecordingCluster
  }
}

/** Resources from memory: a watcher hears of them as soon as both it and the resource are there. */
class MemorySource implements ResourceSource {
  readonly #watchers = new Map<string, Set<ResourceWatcher<unknown>>>()
  readonly #values = new Map<string, unknown>()
  #held: (() => void)[] | null = null

  watch<T>(type: ResourceType<T>, name: string, watcher: ResourceWatcher<T>) {
    const key = `${type.shortName} ${name}`
    const watchers = this.#watchers.get(key) ?? new Set()
    this.#watchers.set(key, watchers.add(watcher as ResourceWatcher<unknown>))
    const value = this.#values.get(key)
    if (value !== undefined) this.#later(() => watchers.has(watcher as never) && watcher.onChanged(value as T))
    return {
      cancel: () => {
        watchers.delete(watcher as ResourceWatcher<unknown>)
        if (watchers.size === 0) this.#watchers.delete(key)
      },
    }
  }

  set(type: string, name: string, value: unknown) {
    this.#values.set(`${type} ${name}`, value)
    this.#tell(type, name, (w) => w.onChanged(value))
  }

  remove(type: string, name: string) {
    this.#values.delete(`${type} ${name}`)
  }

  fail(type: string, name: string, error: MeshError) {
    this.remove(type, name)
    this.#tell(type, name, (w) => w.onError(error))
  }

  ambient(type: string, name: string, error: MeshError) {
    this.#tell(type, name, (w) => w.onAmbientError(error))
  }

  watched(): string[] {
    return [...this.#watchers.keys()]
  }

  #tell(type: string, name: string, call: (watcher: ResourceWatcher<unknown>) => void) {
    this.#held = []
    for (const watcher of this.#watchers.get(`${type} ${name}`) ?? []) call(watcher)
    while (this.#held.length > 0) this.#held.shift()?.()
    this.#held = null
  }

  /** Calls never come from inside watch(). */
  #later(task: () => void) {
    if (this.#held === null) throw new Error('a watch outside of a callback: set the resource afterwards')
    this.#held.push(task)
  }
}

class RecordingCluster {
  readonly name: string
  resource: ClusterResource
  assignment: ClusterLoadAssignment | null = null
  closed = false

  constructor(resource: ClusterResource) {
    this.name = resource.name
    this.resource = resource
  }

  update(resource: ClusterResource) {
    this.resource = resource
  }

  setEndpoints(assignment: ClusterLoadAssignment) {
    this.assignment = assignment
  }

  close() {
    this.closed = true
  }
}

function listener(name: string, rds: string): Listener {
  return {
    origin: { type: 'Listener', name, version: '1', config: null },
    name,
    address: null,
    port: null,
    apiListener: {
      statPrefix: '',
      routeConfigName: rds,
      inlineRouteConfig: null,
      httpFilters: [],
      accessLogs: [],
      tracing: null,
      streamIdleTimeoutMs: null,
      serverName: '',
      generateRequestId: true,
      preserveExternalRequestId: false,
    },
    filterChains: [],
    defaultFilterChain: null,
    metadata: {},
  }
}

function routes(name: string, clusters: string[]): RouteConfiguration {
  const none = { requestAdd: [], requestRemove: [], responseAdd: [], responseRemove: [] }
  return {
    origin: { type: 'RouteConfiguration', name, version: '1', config: null },
    name,
    virtualHosts: [
      {
        name: 'any',
        domains: ['*'],
        routes: clusters.map((cluster) => ({
          name: '',
          match: {
            path: { kind: 'prefix', value: `/${cluster}` },
            caseSensitive: true,
            headers: [],
            queryParameters: [],
            grpc: false,
            fraction: null,
          },
          action: {
            kind: 'route',
            target: { kind: 'cluster', cluster },
            timeoutMs: null,
            idleTimeoutMs: null,
            maxStreamDurationMs: null,
            retryPolicy: null,
            prefixRewrite: null,
            regexRewrite: null,
            appendXForwardedHost: false,
            hostRewriteLiteral: null,
            autoHostRewrite: false,
          },
          headers: none,
          filterOverrides: new Map(),
          metadata: {},
          decoratorOperation: null,
        })),
        retryPolicy: null,
        headers: none,
        includeAttemptCountInRequest: false,
        includeAttemptCountInResponse: false,
        filterOverrides: new Map(),
        metadata: {},
      },
    ],
    ignorePortInHostMatching: false,
    headers: none,
    mostSpecificHeaderMutationsWins: false,
    filterOverrides: new Map(),
  }
}

function edsCluster(name: string, serviceName: string = name): ClusterResource {
  return {
    origin: { type: 'Cluster', name, version: '1', config: null },
    name,
    discovery: { kind: 'eds', serviceName },
  } as ClusterResource
}

function endpoints(clusterName: string): ClusterLoadAssignment {
  return {
    origin: { type: 'ClusterLoadAssignment', name: clusterName, version: '1', config: null },
    clusterName,
    localities: [],
    overprovisioningFactor: 140,
    dropPerMillion: 0,
  }
}

function type<T>(shortName: string): ResourceType<T> {
  return {
    typeUrl: `type.googleapis.com/${shortName}`,
    shortName,
    fullState: shortName === 'Listener' || shortName === 'Cluster',
    decode: () => ({ ok: false, name: '', errors: ['not used'] }),
  }
}
