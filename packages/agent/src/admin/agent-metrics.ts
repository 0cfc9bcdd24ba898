// The control plane's metrics, with istiod's names where the meaning is the same, so that the Pilot dashboard reads them.
import { VERSION } from '@inmesh/core'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { ConfigState } from '../ingest/config-store.ts'
import type { PushContext } from '../model/push-context.ts'
import type { ServeStatistics } from '../serve/serve-statistics.ts'

/** Counts what the agent does; rendered by the admin server. */
export class AgentMetrics implements ServeStatistics {
  readonly #registry = new Registry()
  readonly #xds: Gauge
  readonly #pushes: Counter
  readonly #size: Histogram
  readonly #rejects: Counter
  readonly #pushTime: Histogram
  readonly #triggers: Counter
  readonly #objects: Gauge
  readonly #problems: Gauge

  constructor() {
    const registers = [this.#registry]
    new Gauge({
      name: 'istio_build',
      help: 'Istio component build info',
      labelNames: ['component', 'tag'],
      registers,
    }).set({ component: 'pilot', tag: VERSION }, 1)
    this.#xds = new Gauge({
      name: 'pilot_xds',
      help: 'Number of endpoints connected to this agent using XDS.',
      registers,
    })
    this.#pushes = new Counter({
      name: 'pilot_xds_pushes',
      help: 'Responses sent, by type of resource.',
      labelNames: ['type'],
      registers,
    })
    this.#size = new Histogram({
      name: 'pilot_xds_config_size_bytes',
      help: 'Size of responses in bytes.',
      labelNames: ['type'],
      buckets: [1, 10_000, 100_000, 1_000_000, 4_000_000, 10_000_000],
      registers,
    })
    this.#rejects = new Counter({
      name: 'pilot_total_xds_rejects',
      help: 'Responses that clients rejected (NACK).',
      labelNames: ['type'],
      registers,
    })
    this.#pushTime = new Histogram({
      name: 'pilot_xds_push_time',
      help: 'Seconds it took to push a change to all clients.',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 3, 5, 10],
      registers,
    })
    this.#triggers = new Counter({
      name: 'pilot_push_triggers',
      help: 'Changes that led to a push.',
      labelNames: ['type'],
      registers,
    })
    this.#objects = new Gauge({
      name: 'inmesh_config_objects',
      help: 'Configuration objects in force, by kind.',
      labelNames: ['kind'],
      registers,
    })
    this.#problems = new Gauge({
      name: 'inmesh_config_problems',
      help: 'Problems of the configuration, by severity.',
      labelNames: ['severity'],
      registers,
    })
  }

  clients(count: number): void {
    this.#xds.set(count)
  }

  response(typeUrl: string, _resources: number, bytes: number): void {
    const type = shortType(typeUrl)
    this.#pushes.inc({ type })
    this.#size.observe({ type }, bytes)
  }

  rejected(typeUrl: string): void {
    this.#rejects.inc({ type: shortType(typeUrl) })
  }

  pushed(durationMs: number): void {
    this.#pushTime.observe(durationMs / 1000)
  }

  /** The model was made anew. */
  rebuilt(trigger: 'config' | 'registration', state: ConfigState, _context: PushContext): void {
    this.#triggers.inc({ type: trigger })
    if (trigger !== 'config') return
    this.#objects.reset()
    for (const object of state.objects) this.#objects.inc({ kind: object.kind })
    this.#problems.reset()
    for (const severity of ['error', 'warning'])
      this.#problems.set({ severity }, state.problems.filter((p) => p.severity === severity).length)
  }

  /** Prometheus text. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }
}

/** Istio's short names: lds, rds, cds, eds. */
function shortType(typeUrl: string): string {
  switch (typeUrl.slice(typeUrl.lastIndexOf('.') + 1)) {
    case 'Listener':
      return 'lds'
    case 'RouteConfiguration':
      return 'rds'
    case 'Cluster':
      return 'cds'
    case 'ClusterLoadAssignment':
      return 'eds'
    default:
      return 'other'
  }
}
