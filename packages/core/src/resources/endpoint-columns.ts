// Fills the columns of one locality's endpoints; they grow by doubling and are cut to size at the end.
import type { EndpointColumns } from './endpoint.ts'

/** Collects endpoints; used again for each locality. */
export class ColumnsBuilder {
  count = 0
  totalWeight = 0
  #addresses: string[] = []
  #metadata: (Uint8Array | null)[] = []
  #ports = new Uint32Array(FIRST)
  #weights = new Uint32Array(FIRST)
  #health = new Uint8Array(FIRST)

  clear(): void {
    this.count = 0
    this.totalWeight = 0
    this.#addresses = []
    this.#metadata = []
  }

  add(address: string, port: number, weight: number, health: number, metadata: Uint8Array | null): void {
    const i = this.count++
    if (i === this.#ports.length) this.#grow()
    this.#addresses.push(address)
    this.#metadata.push(metadata)
    this.#ports[i] = port
    this.#weights[i] = weight
    this.#health[i] = health
    this.totalWeight += weight
  }

  build(): EndpointColumns {
    return {
      count: this.count,
      addresses: this.#addresses,
      ports: this.#ports.slice(0, this.count),
      weights: this.#weights.slice(0, this.count),
      health: this.#health.slice(0, this.count),
      metadata: this.#metadata,
    }
  }

  #grow(): void {
    const size = this.#ports.length * 2
    const ports = new Uint32Array(size)
    const weights = new Uint32Array(size)
    const health = new Uint8Array(size)
    ports.set(this.#ports)
    weights.set(this.#weights)
    health.set(this.#health)
    this.#ports = ports
    this.#weights = weights
    this.#health = health
  }
}

const FIRST = 64
