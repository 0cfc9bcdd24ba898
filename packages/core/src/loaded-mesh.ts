// What a mesh loads at its first look-up: the xDS client, the decoders, the dependency manager and the compiler, put
// together. It turns each root's snapshots into what the root's look-up answers.
import {
  compileInbound,
  compileOutbound,
  type CompiledOutbound,
  type OutboundTarget,
} from './config/compile-listener.ts'
import type { CompileRuntime } from './config/compile-manager.ts'
import { DependencyManager } from './config/dependency-manager.ts'
import { dumpConfiguration } from './config/dump.ts'
import type { Snapshot } from './config/snapshot.ts'
import { openXdsSource, type XdsSource } from './config/xds-source.ts'
import type { ResolvedDependencies } from './create-mesh.ts'
import type { Exchange } from './exchange/exchange.ts'
import { HttpFilterRegistry } from './filters/registry.ts'
import type { Inbound } from './inbound.ts'
import { InboundListener } from './inbound-listener.ts'
import type { LookUp } from './look-up.ts'
import type { ResolvedOptions } from './options.ts'
import { type Outbound, PASS_THROUGH } from './outbound.ts'
import { LiveCluster } from './router/live-cluster.ts'
import type { Subscription } from './runtime/closeable.ts'
import type { Logger } from './runtime/log.ts'
import { LogSinks } from './telemetry/log-sink.ts'
import { peerOf, selfMetadata } from './telemetry/peer-metadata.ts'
import { type CallbackMetric, Prometheus } from './telemetry/prometheus.ts'
import { StandardMetrics } from './telemetry/standard-metrics.ts'
import { buildNode, VERSION } from './xds/node.ts'

/** What the mesh hears from its loaded part. */
export interface LoadedMeshEvents {
  /** The control plane has answered for a root: with a configuration, or that there is none. */
  onAnswer(): void
  onExchange(x: Exchange): void
}

/** The part of a mesh that costs something to load. */
export class LoadedMesh {
  readonly #source: XdsSource
  readonly #manager: DependencyManager<LiveCluster>
  readonly #runtime: CompileRuntime
  readonly #prometheus: Prometheus
  readonly #events: LoadedMeshEvents
  readonly #log: Logger

  /** Loads the decoders too. */
  static async load(
    options: ResolvedOptions,
    dependencies: ResolvedDependencies,
    events: LoadedMeshEvents,
  ): Promise<LoadedMesh> {
    if (options.discovery === 'sidecar')
      dependencies.log.warn('discovery "sidecar" is not there yet: listeners are asked for on demand')
    if (options.state !== null)
      dependencies.log.warn('state is not kept yet: the last good configuration is not stored')
    const registry = new HttpFilterRegistry()
    const node = buildNode(options.workload)
    const { xds, xdsVariant: variant } = options
    const source = await openXdsSource({ xds, variant, node, registry, ...dependencies })
    return new LoadedMesh(options, dependencies, events, source, registry)
  }

  private constructor(
    { workload }: ResolvedOptions,
    { clock, random, log, carrier }: ResolvedDependencies,
    events: LoadedMeshEvents,
    source: XdsSource,
    registry: HttpFilterRegistry,
  ) {
    this.#source = source
    this.#events = events
    this.#log = log
    this.#manager = new DependencyManager({
      source: source.resources,
      types: source.types,
      clock,
      createCluster: (resource) => new LiveCluster(resource, { clock, random, log }),
    })
    const metrics = new StandardMetrics({ self: peerOf(workload), log })
    const sinks = new LogSinks(clock, log)
    this.#runtime = {
      clock,
      random,
      log,
      clusters: this.#manager,
      registry,
      metrics,
      sinks,
      self: selfMetadata(workload, buildNode(workload).id),
      carrier,
      chains: new Map(),
      onComplete: (x) => events.onExchange(x),
    }
    this.#prometheus = new Prometheus({ metrics, version: VERSION, callbacks: ownMetrics(source, sinks) })
  }

  /** Follows the listener for calls to a host and port, and keeps its look-up's answer up to date. */
  watchOutbound(root: string, target: OutboundTarget, lookUp: LookUp<Outbound>): Subscription {
    const { host, port } = target
    let compiled: CompiledOutbound | null = null
    return this.#watch(root, {
      onSnapshot: (snapshot) => {
        compiled = compileOutbound(snapshot, { host, port }, this.#runtime, compiled)
        lookUp.configure(compiled ?? PASS_THROUGH)
      },
      // The control plane knows no such host: it is none of the mesh's.
      onMissing: () => {
        compiled = null
        lookUp.configure(PASS_THROUGH)
      },
    })
  }

  /** Follows the listener for an address that this process listens on. */
  watchInbound(root: string, lookUp: LookUp<Inbound>): Subscription {
    let listener: InboundListener | null = null
    return this.#watch(root, {
      onSnapshot: (snapshot) => {
        const compiled = compileInbound(snapshot, this.#runtime, listener === null ? null : listener.compiled)
        if (listener === null) listener = new InboundListener(compiled)
        else listener.update(compiled)
        lookUp.configure(listener)
      },
      // A listener that was there stays: what it demanded of peers does not lapse because it is withdrawn.
      onMissing: () => {
        if (listener === null) lookUp.configure(PASS_THROUGH)
        else this.#log.warn(`the control plane has withdrawn ${root}: the last listener stays in force`)
      },
    })
  }

  /** Prometheus text. */
  metrics(): Promise<string> {
    return this.#prometheus.renderMetrics()
  }

  /** Resources with their status, roots and clusters. */
  dump(): Record<string, unknown> {
    return { xds: this.#source.dump(), ...dumpConfiguration(this.#manager) }
  }

  async close(): Promise<void> {
    this.#manager.close()
    this.#source.close()
    await this.#runtime.sinks.close()
  }

  #watch(root: string, on: { onSnapshot(snapshot: Snapshot): void; onMissing(): void }): Subscription {
    return this.#manager.watch(root, {
      onSnapshot: (snapshot) => {
        try {
          on.onSnapshot(snapshot)
        } catch (error) {
          this.#log.error(`${root}: the configuration cannot be compiled, the one before stays in force`, {
            error: error instanceof Error ? error.stack : String(error),
          })
        }
        this.#events.onAnswer()
      },
      onError: (error) => {
        // A rejected listener without a good one before it is a configuration that has not arrived: it stays awaited.
        if (error.code === 'MESH_XDS_RESOURCE_MISSING') on.onMissing()
        this.#events.onAnswer()
      },
    })
  }
}

/** Metrics of the mesh itself. */
function ownMetrics(source: XdsSource, sinks: LogSinks): CallbackMetric[] {
  const client = source.resources
  return [
    {
      name: 'inmesh_xds_connected',
      help: '1 while the stream to the control plane stands.',
      type: 'gauge',
      read: () => ({ value: client.connected ? 1 : 0 }),
    },
    {
      name: 'inmesh_xds_responses_total',
      help: 'Responses of the control plane, by what became of them.',
      type: 'counter',
      read: () => [
        { labels: { verdict: 'ack' }, value: client.stats.acks },
        { labels: { verdict: 'nack' }, value: client.stats.nacks },
      ],
    },
    {
      name: 'inmesh_xds_reconnects_total',
      help: 'Streams to the control plane after the first.',
      type: 'counter',
      read: () => ({ value: client.stats.reconnects }),
    },
    {
      name: 'inmesh_access_log_dropped_lines_total',
      help: 'Access-log lines that could not be written.',
      type: 'counter',
      read: () => ({ value: sinks.dropped }),
    },
  ]
}
