// Envoy's outlier detection: endpoints that fail in a row are left out for a while (config.cluster.v3.OutlierDetection,
// "Outlier detection" in Envoy's architecture overview). Consecutive kinds only; success rate comes later.
import type { Endpoint } from '../cluster/endpoint.ts'
import type { OutlierDetection } from '../resources/cluster.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'

/** Hears of every attempt's outcome and ejects. */
export interface OutlierDetector {
  /** A response with this status came from the endpoint. */
  onResponse(endpoint: Endpoint, status: number): void
  /** The attempt ended without a response (connection failure, reset, timeout). */
  onLocalOriginFailure(endpoint: Endpoint, kind: 'connect' | 'reset' | 'timeout'): void
}

/** The cluster's hosts as detection sees them. */
export interface OutlierHosts {
  /** Hosts of all priorities: what max_ejection_percent is a share of. */
  readonly size: number
  /** `table.ejected` of the endpoint has changed. */
  onEjectionChange(endpoint: Endpoint): void
}

/** Ejects after consecutive failures, for base_ejection_time x the number of ejections, up to max_ejection_time. */
export class ConsecutiveOutlierDetector implements OutlierDetector {
  #config: OutlierDetection
  readonly #hosts: OutlierHosts
  readonly #clock: Clock
  readonly #random: Random
  // Only endpoints with an ejection behind them; the sweep runs while there are some.
  readonly #records = new Map<Endpoint, EjectionRecord>()
  #ejected = 0
  #sweep: Timer | null = null

  constructor(config: OutlierDetection, hosts: OutlierHosts, clock: Clock, random: Random) {
    this.#config = config
    this.#hosts = hosts
    this.#clock = clock
    this.#random = random
  }

  /** Endpoints that are left out now. */
  get ejected(): number {
    return this.#ejected
  }

  /** A new configuration; ejections under way stay and are measured by it. */
  update(config: OutlierDetection): void {
    this.#config = config
  }

  onResponse(endpoint: Endpoint, status: number): void {
    const { table, index } = endpoint
    if (status < 500) {
      table.consecutive5xx[index] = 0
      table.consecutiveGateway[index] = 0
      if (this.#config.splitExternalLocalOriginErrors) table.consecutiveLocal[index] = 0
      return
    }
    if (this.#config.splitExternalLocalOriginErrors) table.consecutiveLocal[index] = 0
    this.#onServerError(endpoint, status)
  }

  onLocalOriginFailure(endpoint: Endpoint, kind: 'connect' | 'reset' | 'timeout'): void {
    const config = this.#config
    if (!config.splitExternalLocalOriginErrors) {
      // Not told apart, a local failure counts as the status it would have been answered with.
      this.#onServerError(endpoint, kind === 'timeout' ? 504 : 503)
      return
    }
    if (countUp(endpoint.table.consecutiveLocal, endpoint.index, config.consecutiveLocalOriginFailure)) {
      this.#onOutlier(endpoint, config.enforcingConsecutiveLocalOriginFailure, endpoint.table.consecutiveLocal)
    }
  }

  /** The endpoint has left the cluster, and its ejection with it. */
  onRemoved(endpoint: Endpoint): void {
    this.#records.delete(endpoint)
    if (endpoint.table.ejected[endpoint.index] !== 1) return
    endpoint.table.ejected[endpoint.index] = 0
    this.#ejected--
  }

  /** Detection is over: every ejected endpoint comes back. */
  close(): void {
    for (const endpoint of this.#records.keys())
      if (endpoint.table.ejected[endpoint.index] === 1) this.#uneject(endpoint)
    this.#records.clear()
    this.#sweep?.cancel()
    this.#sweep = null
  }

  #onServerError(endpoint: Endpoint, status: number): void {
    const config = this.#config
    const { table, index } = endpoint
    if (status < 502 || status > 504) table.consecutiveGateway[index] = 0
    else if (countUp(table.consecutiveGateway, index, config.consecutiveGatewayFailure)) {
      this.#onOutlier(endpoint, config.enforcingConsecutiveGatewayFailure, table.consecutiveGateway)
    }
    if (countUp(table.consecutive5xx, index, config.consecutive5xx)) {
      this.#onOutlier(endpoint, config.enforcingConsecutive5xx, table.consecutive5xx)
    }
  }

  #onOutlier(endpoint: Endpoint, enforcing: number, counter: Uint16Array): void {
    const { table, index } = endpoint
    if (endpoint.removed || table.ejected[index] === 1) return
    // One more must still fit under max_ejection_percent, also when it is the first (always_eject_one_host is false).
    const share = (100 * (this.#ejected + 1)) / this.#hosts.size
    if (share <= this.#config.maxEjectionPercent && this.#enforced(enforcing)) this.#eject(endpoint)
    counter[index] = 0
  }

  #enforced(percent: number): boolean {
    return percent >= 100 || (percent > 0 && this.#random.next() * 100 < percent)
  }

  #eject(endpoint: Endpoint): void {
    const config = this.#config
    let record = this.#records.get(endpoint)
    if (record === undefined) {
      record = { multiplier: 0, ejectedAt: 0, unejectedAt: 0 }
      this.#records.set(endpoint, record)
    }
    if (record.multiplier * config.baseEjectionTimeMs < config.maxEjectionTimeMs + config.baseEjectionTimeMs) {
      record.multiplier++
    }
    record.ejectedAt = this.#clock.now()
    endpoint.table.ejected[endpoint.index] = 1
    this.#ejected++
    this.#hosts.onEjectionChange(endpoint)
    this.#sweep ??= this.#clock.schedule(config.intervalMs, () => this.#onInterval())
  }

  #uneject(endpoint: Endpoint): void {
    const { table, index } = endpoint
    table.ejected[index] = 0
    // A count that was close to its threshold must not eject again at once.
    table.consecutive5xx[index] = 0
    table.consecutiveGateway[index] = 0
    table.consecutiveLocal[index] = 0
    this.#ejected--
    this.#hosts.onEjectionChange(endpoint)
  }

  #onInterval(): void {
    const config = this.#config
    const now = this.#clock.now()
    for (const [endpoint, record] of this.#records) {
      if (endpoint.table.ejected[endpoint.index] === 1) {
        const ejectionMs = Math.min(config.baseEjectionTimeMs * record.multiplier, config.maxEjectionTimeMs)
        if (now - record.ejectedAt < ejectionMs) continue
        record.unejectedAt = now
        this.#uneject(endpoint)
      } else if (now - record.unejectedAt >= config.intervalMs && --record.multiplier <= 0) {
        this.#records.delete(endpoint)
      }
    }
    this.#sweep = this.#records.size === 0 ? null : this.#clock.schedule(config.intervalMs, () => this.#onInterval())
  }
}

interface EjectionRecord {
  /** How many base ejection times the next ejection lasts; one less for each interval without an ejection. */
  multiplier: number
  ejectedAt: number
  unejectedAt: number
}

// Says whether the threshold is reached; 0 is never. Stops below the column's end instead of starting again from 0.
function countUp(counter: Uint16Array, index: number, threshold: number): boolean {
  const count = (counter[index] as number) + 1
  if (count <= 0xffff) counter[index] = count
  return threshold > 0 && count >= threshold
}
