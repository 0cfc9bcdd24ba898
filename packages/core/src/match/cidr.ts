// IP ranges (config/core/v3 CidrRange), on Node's BlockList.
import { BlockList, isIP } from 'node:net'

/** A compiled range. */
export class Cidr {
  /** Bits of the prefix; longer is more specific. */
  readonly prefixLength: number
  readonly #list = new BlockList()

  constructor(address: string, prefixLength: number) {
    this.prefixLength = prefixLength
    this.#list.addSubnet(address, prefixLength, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }

  /** Whether an IP literal lies in the range; text that is none does not. */
  contains(address: string): boolean {
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Compiles `address/bits`; null when it is no range. */
export function compileCidr(range: string): Cidr | null {
  const slash = range.lastIndexOf('/')
  const address = range.slice(0, slash)
  const family = isIP(address)
  const bits = Number(range.slice(slash + 1))
  if (slash < 0 || family === 0 || !Number.isInteger(bits) || bits < 0 || bits > (family === 6 ? 128 : 32)) return null
  return new Cidr(address, bits)
}
