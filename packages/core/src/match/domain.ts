// Choosing a virtual host by the Host header (config/route/v3 VirtualHost.domains): exact, then suffix wildcards (`*.a.b`)
// longest first, then prefix wildcards (`a.*`) longest first, then `*`. Case does not count.

/** What a set of domains leads to; the first entry of a domain wins. */
export class DomainTable<T> {
  readonly #exact = new Map<string, T>()
  readonly #suffixes: Wildcards<T>
  readonly #prefixes: Wildcards<T>
  readonly #ignorePort: boolean
  #any: T | null = null
  // Authorities as callers write them, so that the same one is neither lower-cased nor searched for again.
  readonly #seen = new Map<string, T | null>()
  // The last of them, which is compared without being hashed.
  #last = ''
  #lastFound: T | null = null

  constructor(entries: Iterable<readonly [domain: string, value: T]>, ignorePort: boolean) {
    const suffixes = new Map<string, T>()
    const prefixes = new Map<string, T>()
    for (const [name, value] of entries) {
      const domain = name.toLowerCase()
      if (domain === '*') this.#any ??= value
      else if (domain.startsWith('*')) setFirst(suffixes, domain.slice(1), value)
      else if (domain.endsWith('*')) setFirst(prefixes, domain.slice(0, -1), value)
      else setFirst(this.#exact, domain, value)
    }
    this.#suffixes = wildcards(suffixes)
    this.#prefixes = wildcards(prefixes)
    this.#ignorePort = ignorePort
  }

  /** Null: no domain matches. */
  find(authority: string): T | null {
    if (authority === this.#last && authority !== '') return this.#lastFound
    let found = this.#seen.get(authority)
    if (found === undefined) {
      found = this.#search(authority)
      // Callers may invent names without end.
      if (this.#seen.size >= MAX_SEEN) this.#seen.clear()
      this.#seen.set(authority, found)
    }
    this.#last = authority
    this.#lastFound = found
    return found
  }

  #search(authority: string): T | null {
    const whole = authority.toLowerCase()
    const host = this.#ignorePort ? withoutPort(whole) : whole
    const exact = this.#exact.get(host)
    if (exact !== undefined) return exact
    for (const length of this.#suffixes.lengths) {
      if (length >= host.length) continue
      const value = this.#suffixes.values.get(host.slice(host.length - length))
      if (value !== undefined) return value
    }
    for (const length of this.#prefixes.lengths) {
      if (length >= host.length) continue
      const value = this.#prefixes.values.get(host.slice(0, length))
      if (value !== undefined) return value
    }
    return this.#any
  }
}

interface Wildcards<T> {
  readonly values: ReadonlyMap<string, T>
  /** Longest first. */
  readonly lengths: readonly number[]
}

function wildcards<T>(values: ReadonlyMap<string, T>): Wildcards<T> {
  const lengths = [...new Set([...values.keys()].map((text) => text.length))].toSorted((a, b) => b - a)
  return { values, lengths }
}

function setFirst<T>(map: Map<string, T>, key: string, value: T): void {
  if (!map.has(key)) map.set(key, value)
}

/** `host:port` or `[v6]:port` without the port. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':')
  if (colon < 0 || authority.endsWith(']')) return authority
  // An IPv6 address without brackets has no port.
  if (authority.indexOf(':') !== colon && authority[0] !== '[') return authority
  for (let i = colon + 1; i < authority.length; i++) {
    const code = authority.charCodeAt(i)
    if (code < 0x30 || code > 0x39) return authority
  }
  return authority.slice(0, colon)
}

const MAX_SEEN = 4096
