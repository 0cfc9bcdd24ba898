// HTTP header fields in order, names in lower case as on HTTP/2 and in Envoy. One flat array, because that is what undici
// and node:http take and give, and because a dozen fields are found faster by a scan than through a Map.

/** An ordered multimap of header fields. Names passed in must be lower case; `from*` make them so. */
export class HeaderMap {
  /** name, value, name, value, ... Adapters hand this array on; only this class changes it. */
  readonly flat: string[]
  /**
   * How many leading entries of `flat` nobody has touched. While it is not below the length that an adapter gave, fields
   * have been appended at most, and the adapter can hand the original form on.
   */
  untouched: number = ALL

  constructor(flat: string[] = []) {
    this.flat = flat
  }

  /** Takes over a flat list as node:http's `rawHeaders`; copies it and lower-cases the names. */
  static fromRaw(raw: readonly string[]): HeaderMap {
    const flat = raw.slice()
    for (let i = 0; i < raw.length; i += 2) {
      flat[i] = (raw[i] as string).toLowerCase()
      flat[i + 1] = raw[i + 1] as string
    }
    return new HeaderMap(flat)
  }

  /** True once a field was set, appended or removed. */
  get changed(): boolean {
    return this.untouched !== ALL
  }

  /** Number of fields, repeated names counted each time. */
  get size(): number {
    return this.flat.length >> 1
  }

  has(name: string): boolean {
    return this.#indexOf(name, 0) >= 0
  }

  /** The field's value, several joined by `,` as Envoy joins them; null when there is none. */
  get(name: string): string | null {
    const flat = this.flat
    let at = this.#indexOf(name, 0)
    if (at < 0) return null
    let value = flat[at + 1] as string
    while ((at = this.#indexOf(name, at + 2)) >= 0) value += `,${flat[at + 1] as string}`
    return value
  }

  /** Each value of a field, in order. */
  getAll(name: string): string[] {
    const values: string[] = []
    for (let at = this.#indexOf(name, 0); at >= 0; at = this.#indexOf(name, at + 2))
      values.push(this.flat[at + 1] as string)
    return values
  }

  /** Replaces every field of that name by one, in the first one's place; appends it when there was none. */
  set(name: string, value: string): void {
    const at = this.#indexOf(name, 0)
    if (at < 0) {
      this.append(name, value)
      return
    }
    if (at < this.untouched) this.untouched = at
    this.flat[at + 1] = value
    if (this.#indexOf(name, at + 2) >= 0) this.#removeFrom(name, at + 2)
  }

  append(name: string, value: string): void {
    if (this.flat.length < this.untouched) this.untouched = this.flat.length
    this.flat.push(name, value)
  }

  /** Removes every field of that name; says whether there was one. */
  remove(name: string): boolean {
    const at = this.#indexOf(name, 0)
    if (at < 0) return false
    if (at < this.untouched) this.untouched = at
    this.#removeFrom(name, at)
    return true
  }

  clone(): HeaderMap {
    return new HeaderMap(this.flat.slice())
  }

  *[Symbol.iterator](): IterableIterator<[string, string]> {
    for (let i = 0; i < this.flat.length; i += 2) yield [this.flat[i] as string, this.flat[i + 1] as string]
  }

  // Most names differ in length already, which costs less to see than to compare texts.
  #indexOf(name: string, from: number): number {
    const flat = this.flat
    const length = name.length
    for (let i = from; i < flat.length; i += 2) {
      const other = flat[i] as string
      if (other.length === length && other === name) return i
    }
    return -1
  }

  #removeFrom(name: string, from: number): void {
    const flat = this.flat
    let to = from
    for (let i = from; i < flat.length; i += 2) {
      if (flat[i] === name) continue
      flat[to] = flat[i] as string
      flat[to + 1] = flat[i + 1] as string
      to += 2
    }
    flat.length = to
  }
}

// More entries than any message has.
const ALL = 0x3fff_ffff
