// x-request-id: Envoy's identifier of a request through all its hops, in the form of a random (version 4) UUID.
import type { IdSource } from './id-source.ts'

export const REQUEST_ID = 'x-request-id'

/** Makes request ids, such as `1b4e28ba-2fa1-41d2-883f-0016d3cca427`. */
export class RequestIds {
  readonly #ids: IdSource
  #head = ''
  #left = 0

  constructor(ids: IdSource) {
    this.#ids = ids
  }

  /** The last 60 bits are drawn for each id, the 62 before them for every hundred: joining text is what costs. */
  next(): string {
    if (this.#left-- === 0) this.#renew()
    return `${this.#head}${this.#ids.take(3)}-${this.#ids.take(12)}`
  }

  #renew(): void {
    const hex = this.#ids.take(16)
    const variant = VARIANTS[hex.charCodeAt(15) & 3] as string
    this.#head = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-${variant}`
    this.#left = IDS_PER_HEAD - 1
  }
}

// The two upper bits of RFC 9562's variant field are 10.
const VARIANTS = ['8', '9', 'a', 'b']
const IDS_PER_HEAD = 100
