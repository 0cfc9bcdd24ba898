// Finds endpoints by address and port. A hash table of its own, because a Map of 100,000 fresh strings takes 80 ms to fill
// (V8 grows and rehashes it step by step) and this one 10: open addressing with linear probing over row numbers.
import type { Endpoint } from './endpoint.ts'

/** A set of endpoints, one for each address and port. */
export class EndpointIndex {
  // 0 is empty, otherwise the endpoint's row plus one.
  #slots: Int32Array = new Int32Array(16)
  #mask = 15
  #size = 0
  readonly #byRow: (Endpoint | undefined)[] = []

  /** Endpoints in the set. */
  get size(): number {
    return this.#size
  }

  /** Makes room for `count` endpoints at once. */
  reserve(count: number): void {
    let capacity = this.#slots.length
    while (count * 2 > capacity) capacity *= 2
    if (capacity > this.#slots.length) this.#rebuild(capacity)
  }

  find(address: string, port: number): Endpoint | undefined {
    for (let at = hash(address, port) & this.#mask; ; at = (at + 1) & this.#mask) {
      const row = (this.#slots[at] as number) - 1
      if (row < 0) return undefined
      const endpoint = this.#byRow[row] as Endpoint
      if (endpoint.port === port && endpoint.address === address) return endpoint
    }
  }

  /** Adds an endpoint that is not in the set. */
  add(endpoint: Endpoint): void {
    this.reserve(this.#size + 1)
    this.#byRow[endpoint.index] = endpoint
    this.#place(endpoint)
    this.#size++
  }

  /** Removes an endpoint that is in the set. */
  remove(endpoint: Endpoint): void {
    const slots = this.#slots
    const mask = this.#mask
    let at = hash(endpoint.address, endpoint.port) & mask
    while (slots[at] !== endpoint.index + 1) at = (at + 1) & mask
    this.#byRow[endpoint.index] = undefined
    this.#size--
    // Those behind move up, so that no search ends at the gap before it has reached them.
    for (let next = (at + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const moving = this.#byRow[(slots[next] as number) - 1] as Endpoint
      const home = hash(moving.address, moving.port) & mask
      if (((next - home) & mask) < ((next - at) & mask)) continue
      slots[at] = slots[next] as number
      at = next
    }
    slots[at] = 0
  }

  #place(endpoint: Endpoint): void {
    let at = hash(endpoint.address, endpoint.port) & this.#mask
    while (this.#slots[at] !== 0) at = (at + 1) & this.#mask
    this.#slots[at] = endpoint.index + 1
  }

  #rebuild(capacity: number): void {
    const before = this.#slots
    this.#slots = new Int32Array(capacity)
    this.#mask = capacity - 1
    for (const slot of before) if (slot !== 0) this.#place(this.#byRow[slot - 1] as Endpoint)
  }
}

// FNV-1a over the address and the port, mixed once more because neighbouring addresses differ in one character.
function hash(address: string, port: number): number {
  let h = 0x811c9dc5 ^ port
  for (let i = 0; i < address.length; i++) h = Math.imul(h ^ address.charCodeAt(i), 0x01000193)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return h ^ (h >>> 13)
}
