// DNS clusters (Envoy's service discovery types strict_dns and logical_dns): host names of the cluster's own assignment,
// resolved again and again into an assignment of addresses. A failed look-up keeps the addresses that are known.
import { lookup, resolve4, resolve6 } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { ClusterDiscovery } from '../resources/cluster.ts'
import type { ClusterLoadAssignment, EndpointColumns } from '../resources/endpoint.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'

/** What a name resolves to. */
export interface DnsAnswer {
  readonly addresses: readonly string[]
  /** Milliseconds for which the answer holds; null when the resolver does not say. */
  readonly ttlMs: number | null
}

/** Resolves names. */
export interface DnsResolver {
  /** Rejects when the name does not resolve. `wantTtl` asks for the records' time to live. */
  resolve(host: string, wantTtl: boolean): Promise<DnsAnswer>
}

/** The operating system's resolver; where a TTL is wanted, DNS itself, and the system for what DNS does not know. */
export const systemResolver: DnsResolver = {
  async resolve(host, wantTtl) {
    if (wantTtl) {
      const answers = await Promise.allSettled([resolve4(host, { ttl: true }), resolve6(host, { ttl: true })])
      const records = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
      if (records.length > 0) {
        return {
          addresses: records.map((record) => record.address),
          ttlMs: Math.min(...records.map((record) => record.ttl)) * 1000,
        }
      }
    }
    const found = await lookup(host, { all: true })
    return { addresses: found.map((entry) => entry.address), ttlMs: null }
  },
}

type DnsClusterDiscovery = Extract<ClusterDiscovery, { kind: 'strict_dns' | 'logical_dns' }>

/** One name and port of the assignment. */
interface DnsTarget {
  readonly locality: number
  readonly position: number
  readonly host: string
  addresses: readonly string[]
  failed: boolean
  timer: Timer | null
}

/** Resolves a DNS cluster's names until it is closed. */
export class DnsDiscovery {
  /** Settles when every name has been tried once. */
  readonly warm: Promise<void>
  readonly #discovery: DnsClusterDiscovery
  readonly #clock: Clock
  readonly #log: Logger
  readonly #resolver: DnsResolver
  readonly #onAssignment: (assignment: ClusterLoadAssignment) => void
  readonly #targets: DnsTarget[] = []
  #untried = 0
  #becameWarm: () => void = () => {}
  #closed = false

  constructor(
    discovery: DnsClusterDiscovery,
    runtime: { readonly clock: Clock; readonly log: Logger },
    resolver: DnsResolver,
    onAssignment: (assignment: ClusterLoadAssignment) => void,
  ) {
    this.#discovery = discovery
    this.#clock = runtime.clock
    this.#log = runtime.log
    this.#resolver = resolver
    this.#onAssignment = onAssignment
    this.warm = new Promise((resolve) => {
      this.#becameWarm = resolve
    })
    discovery.endpoints.localities.forEach((locality, l) => {
      for (let i = 0; i < locality.endpoints.count; i++) {
        const host = locality.endpoints.addresses[i] as string
        this.#targets.push({ locality: l, position: i, host, addresses: [], failed: false, timer: null })
      }
    })
  }

  /** Whether every name has been tried once. */
  get isWarm(): boolean {
    return this.#untried === 0
  }

  start(): void {
    for (const target of this.#targets) {
      if (isIP(target.host) !== 0) target.addresses = [target.host]
      else this.#untried++
    }
    if (this.#untried === 0) {
      this.#becameWarm()
      this.#publish()
      return
    }
    for (const target of this.#targets) if (isIP(target.host) === 0) void this.#resolve(target, true)
  }

  close(): void {
    this.#closed = true
    for (const target of this.#targets) target.timer?.cancel()
    this.#becameWarm()
  }

  async #resolve(target: DnsTarget, first: boolean): Promise<void> {
    const { refreshMs, respectTtl } = this.#discovery
    let nextMs = refreshMs
    let changed = false
    try {
      const answer = await this.#resolver.resolve(target.host, respectTtl)
      // A logical host is one host whose address may change (Envoy: the first address of the answer).
      const addresses = this.#discovery.kind === 'logical_dns' ? answer.addresses.slice(0, 1) : answer.addresses
      changed = addresses.join() !== target.addresses.join()
      target.addresses = addresses
      if (respectTtl && answer.ttlMs !== null) nextMs = answer.ttlMs
      target.failed = false
    } catch (error) {
      if (!target.failed) {
        this.#log.warn(`DNS look-up of "${target.host}" failed; addresses known before stay in use`, {
          error: error instanceof Error ? error.message : String(error),
        })
      }
      target.failed = true
    }
    if (this.#closed) return
    if (first) this.#untried--
    target.timer = this.#clock.schedule(Math.max(LEAST_REFRESH_MS, nextMs), () => void this.#resolve(target, false))
    // Nothing is said before every name was tried: half an assignment would take the other half's endpoints away.
    if (this.#untried > 0) return
    if (changed || first) this.#publish()
    if (first) this.#becameWarm()
  }

  #publish(): void {
    const { endpoints } = this.#discovery
    const localities = endpoints.localities.map((locality, l) => ({
      ...locality,
      endpoints: resolvedColumns(
        locality.endpoints,
        this.#targets.filter((target) => target.locality === l),
      ),
    }))
    this.#onAssignment({ ...endpoints, localities })
  }
}

function resolvedColumns(named: EndpointColumns, targets: readonly DnsTarget[]): EndpointColumns {
  const rows = targets.flatMap((target) => target.addresses.map((address) => ({ address, at: target.position })))
  return {
    count: rows.length,
    addresses: rows.map((row) => row.address),
    ports: Uint32Array.from(rows, (row) => named.ports[row.at] as number),
    weights: Uint32Array.from(rows, (row) => named.weights[row.at] as number),
    health: Uint8Array.from(rows, (row) => named.health[row.at] as number),
    metadata: rows.map((row) => named.metadata[row.at] ?? null),
  }
}

const LEAST_REFRESH_MS = 1000
