// A cluster's endpoints by priority, how much load each priority gets, and which priorities are in panic (Envoy's
// architecture overview: "Priority levels", "Panic threshold", and LoadBalancerBase).
import type { Endpoint } from './endpoint.ts'
import type { GrowingEndpointTable } from './endpoint-table.ts'
import type { Locality } from './locality.ts'

/** The endpoints of one priority. */
export interface PriorityLevel {
  readonly endpoints: readonly Endpoint[]
  /**
   * Those that EDS calls usable: healthy or unknown, or else, when there is none of these, the degraded. Outlier
   * ejection is not looked at. Differs from Envoy: degraded endpoints take part only when none is healthy.
   */
  readonly usable: readonly Endpoint[]
  /** All of `usable` have the same weight. */
  readonly equalWeights: boolean
}

/** Levels from priority 0 down. Their membership stays; load and panic follow ejections by `refresh`. */
export class PrioritySet {
  readonly localities: readonly Locality[]
  readonly levels: readonly PriorityLevel[]
  /** Percent of requests for each level; sums to 100. */
  readonly load: Uint8Array
  /** 1 where health is ignored. */
  readonly panic: Uint8Array
  /** How many of a level's usable endpoints are ejected. */
  readonly ejected: Uint32Array
  /** Endpoints of all levels. */
  readonly size: number
  readonly #table: GrowingEndpointTable
  readonly #overprovisioningFactor: number
  #panicThreshold: number

  /** `panicThreshold` is percent; 0 turns panic off. `overprovisioningFactor` is percent, 140 in Envoy. */
  constructor(
    localities: readonly Locality[],
    table: GrowingEndpointTable,
    overprovisioningFactor: number,
    panicThreshold: number,
  ) {
    this.localities = localities
    this.levels = makeLevels(localities, table)
    this.load = new Uint8Array(this.levels.length)
    this.panic = new Uint8Array(this.levels.length)
    this.ejected = new Uint32Array(this.levels.length)
    this.size = this.levels.reduce((sum, level) => sum + level.endpoints.length, 0)
    this.#table = table
    this.#overprovisioningFactor = overprovisioningFactor
    this.#panicThreshold = panicThreshold
    for (let p = 0; p < this.levels.length; p++) {
      for (const endpoint of (this.levels[p] as PriorityLevel).usable) {
        if (table.ejected[endpoint.index] === 1) this.ejected[p] = (this.ejected[p] as number) + 1
      }
    }
    this.refresh()
  }

  set panicThreshold(percent: number) {
    this.#panicThreshold = percent
    this.refresh()
  }

  /** An endpoint of this set was ejected or came back. */
  onEjectionChange(endpoint: Endpoint): void {
    const p = this.#table.priority[endpoint.index] as number
    const health = this.#table.health[endpoint.index] as number
    const usable = this.levels[p]?.usable
    // Degraded endpoints are usable all together or not at all.
    if (usable === undefined || isUnusable(health) || (health === DEGRADED && !usable.includes(endpoint))) return
    this.ejected[p] = (this.ejected[p] as number) + (this.#table.ejected[endpoint.index] === 1 ? 1 : -1)
    this.refresh()
  }

  /** The level for one request; `dice` is in [0, 1). */
  chooseLevel(dice: number): number {
    let rest = dice * 100
    for (let p = 0; p < this.load.length; p++) {
      rest -= this.load[p] as number
      if (rest < 0) return p
    }
    return 0
  }

  /** Computes load and panic anew. Whole percents and rounding are Envoy's. */
  refresh(): void {
    const { levels, load, panic } = this
    const health = levels.map((level, p) => {
      if (level.endpoints.length === 0) return 0
      const usable = level.usable.length - (this.ejected[p] as number)
      return Math.min(100, Math.floor((this.#overprovisioningFactor * usable) / level.endpoints.length))
    })
    const total = Math.min(
      100,
      health.reduce((sum, h) => sum + h, 0),
    )
    load.fill(0)
    panic.fill(0)
    if (levels.length === 0) return
    let left = 100
    if (total > 0) {
      for (let p = 0; p < levels.length; p++) {
        const share = Math.min(left, Math.floor(((health[p] as number) * 100) / total))
        load[p] = share
        left -= share
      }
      const first = health.findIndex((h) => h > 0)
      load[first] = (load[first] as number) + left
    }
    if (this.#panicThreshold === 0) {
      if (total === 0) load[0] = 100
      return
    }
    // While the levels together can carry everything, none is in panic, however few hosts one of them has left.
    if (total === 100) return
    let totalPanic = true
    for (let p = 0; p < levels.length; p++) {
      panic[p] = this.#healthyPercent(p) < this.#panicThreshold ? 1 : 0
      if (panic[p] === 0) totalPanic = false
    }
    if (totalPanic) this.#spreadByHosts()
  }

  #healthyPercent(p: number): number {
    const level = this.levels[p] as PriorityLevel
    if (level.endpoints.length === 0) return 0
    return (100 * (level.usable.length - (this.ejected[p] as number))) / level.endpoints.length
  }

  // Every level is in panic: load follows the number of hosts, healthy or not.
  #spreadByHosts(): void {
    const { levels, load, size } = this
    load.fill(0)
    if (size === 0) {
      load[0] = 100
      return
    }
    let left = 100
    for (let p = 0; p < levels.length; p++) {
      const share = Math.floor((100 * (levels[p] as PriorityLevel).endpoints.length) / size)
      load[p] = share
      left -= share
    }
    const first = levels.findIndex((level) => level.endpoints.length > 0)
    load[first] = (load[first] as number) + left
  }
}

/** `core.v3.HealthStatus` DEGRADED. */
const DEGRADED = 5

/** Unhealthy, draining and timed out endpoints get no requests outside panic. */
function isUnusable(health: number): boolean {
  return health >= 2 && health <= 4
}

function makeLevels(localities: readonly Locality[], table: GrowingEndpointTable): PriorityLevel[] {
  let count = 0
  for (const locality of localities) count = Math.max(count, locality.priority + 1)
  const levels: PriorityLevel[] = []
  for (let p = 0; p < count; p++) {
    const own = localities.filter((locality) => locality.priority === p)
    const endpoints = own.length === 1 ? (own[0] as Locality).endpoints : own.flatMap((locality) => locality.endpoints)
    levels.push(makeLevel(endpoints, table))
  }
  return levels
}

function makeLevel(endpoints: readonly Endpoint[], table: GrowingEndpointTable): PriorityLevel {
  const { health, weight } = table
  let healthy = 0
  let degraded = 0
  for (const { index } of endpoints) {
    if ((health[index] as number) <= 1) healthy++
    else if (health[index] === DEGRADED) degraded++
  }
  let usable = endpoints
  if (healthy === 0 && degraded > 0) usable = endpoints.filter(({ index }) => health[index] === DEGRADED)
  else if (healthy < endpoints.length) usable = endpoints.filter(({ index }) => (health[index] as number) <= 1)
  const first = usable[0]
  const firstWeight = first === undefined ? 1 : weight[first.index]
  let equalWeights = true
  for (const { index } of usable) {
    if (weight[index] !== firstWeight) {
      equalWeights = false
      break
    }
  }
  return { endpoints, usable, equalWeights }
}
