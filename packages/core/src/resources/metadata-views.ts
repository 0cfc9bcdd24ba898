// Views of the metadata in a load assignment. Endpoints of one workload carry equal bytes and share one view, found by a
// hash among the last few: 100,000 views are 10 MB, and equal ones need not be decoded twice.

/** Views into one message. */
export class MetadataViews {
  readonly #bytes: Uint8Array
  readonly #data: DataView
  readonly #froms = new Int32Array(SLOTS)
  readonly #views: (Uint8Array | null)[] = Array.from({ length: SLOTS }, () => null)

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The bytes from `from` to `end`, which lie within the message. */
  view(from: number, end: number): Uint8Array {
    const bytes = this.#bytes
    const length = end - from
    let hash = length
    for (let i = from; i < end; i += 7) hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0
    const slot = hash & (SLOTS - 1)
    const known = this.#views[slot] as Uint8Array | null
    if (known !== null && known.length === length && this.#isSame(this.#froms[slot] as number, from, length))
      return known
    const view = bytes.subarray(from, end)
    this.#views[slot] = view
    this.#froms[slot] = from
    return view
  }

  #isSame(a: number, b: number, length: number): boolean {
    const data = this.#data
    let i = 0
    for (; i + 4 <= length; i += 4) if (data.getUint32(a + i, true) !== data.getUint32(b + i, true)) return false
    for (; i < length; i++) if (data.getUint8(a + i) !== data.getUint8(b + i)) return false
    return true
  }
}

const SLOTS = 16
