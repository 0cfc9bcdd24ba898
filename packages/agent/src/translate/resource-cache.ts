// Encoded resources, kept while what they were made of stays the same.
import type { TranslatedResource } from './resource.ts'

interface Entry {
  readonly inputs: readonly unknown[]
  readonly resource: TranslatedResource
}

/** A cache by key; an entry holds as long as its inputs are the same objects. The longest unused entry goes first. */
export class ResourceCache {
  readonly #entries = new Map<string, Entry>()
  readonly #capacity: number

  /** `capacity` is in resources; default 50,000. */
  constructor(capacity: number = 50_000) {
    this.#capacity = capacity
  }

  /** The resource made of `inputs`; `make` is called when it isn't there. */
  get(key: string, inputs: readonly unknown[], make: () => TranslatedResource): TranslatedResource {
    const entry = this.#entries.get(key)
    if (entry !== undefined && same(entry.inputs, inputs)) {
      // Back to the end: Map keeps the order of insertion.
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      return entry.resource
    }
    const made = make()
    const resource = entry !== undefined && entry.resource.version === made.version ? entry.resource : made
    this.#entries.delete(key)
    this.#entries.set(key, { inputs, resource })
    if (this.#entries.size > this.#capacity) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest)
        break
      }
    }
    return resource
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
