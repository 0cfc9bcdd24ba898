// On-demand discovery: which listeners a process asks for (the naming of proxyless gRPC, gRFC A27 and A36, as istiod's
// grpcgen has it), and the names it has learned. A process that calls 5 of 2,000 services holds 5.

/** The listener for calls to a host and port. `host` is lower case and without brackets. */
export function outboundRoot(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The listener for an address that this process listens on. */
export function inboundRoot(address: string, port: number): string {
  return INBOUND_PREFIX + outboundRoot(address, port)
}

/** Something that is kept under a host and port. */
export interface LearnedName {
  readonly host: string
  readonly port: number
  /** The tick at which it was used last. Whoever uses it sets it to `LearnedNames.tick`. */
  usedAt: number
}

/**
 * Names that have been used, by host and port. Ages are counted in ticks of the owner's clock and not in time, so that a
 * look-up reads no clock.
 */
export class LearnedNames<T extends LearnedName> {
  /** Now. */
  tick = 0
  readonly #hosts = new Map<string, T[]>()
  readonly #limit: number
  #size = 0

  /** `limit` is the greatest number of names kept: whatever calls random hosts must not grow the subscription without end. */
  constructor(limit: number = DEFAULT_LIMIT) {
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  find(host: string, port: number): T | null {
    const names = this.#hosts.get(host)
    if (names === undefined) return null
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as T
      if (name.port === port) return name
    }
    return null
  }

  /** Adds a name; gives back the one that has to go because there are too many: the one unused for longest. */
  add(name: T): T | null {
    const names = this.#hosts.get(name.host)
    if (names === undefined) this.#hosts.set(name.host, [name])
    else names.push(name)
    this.#size++
    if (this.#size <= this.#limit) return null
    let oldest: T | null = null
    for (const other of this) if (other !== name && (oldest === null || other.usedAt < oldest.usedAt)) oldest = other
    if (oldest !== null) this.remove(oldest)
    return oldest
  }

  remove(name: T): void {
    const names = this.#hosts.get(name.host)
    const at = names === undefined ? -1 : names.indexOf(name)
    if (names === undefined || at < 0) return
    names.splice(at, 1)
    if (names.length === 0) this.#hosts.delete(name.host)
    this.#size--
  }

  /** Moves time on by one tick, and takes out and gives back the names unused for `idleTicks` and more. */
  advance(idleTicks: number): T[] {
    this.tick++
    const idle: T[] = []
    for (const name of this) if (this.tick - name.usedAt > idleTicks) idle.push(name)
    for (const name of idle) this.remove(name)
    return idle
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (const names of this.#hosts.values()) yield* names
  }
}

const INBOUND_PREFIX = 'xds.istio.io/grpc/lds/inbound/'
const DEFAULT_LIMIT = 10_000
