import { describe, expect, it } from 'vitest'
import { compileCidr } from './cidr.ts'

describe('compileCidr', () => {
  it.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['10.1.2.3/32', '10.1.2.3', true],
    ['10.1.2.3/32', '10.1.2.4', false],
    ['0.0.0.0/0', '1.2.3.4', true],
    ['0.0.0.0/0', '::1', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['10.0.0.0/8', 'not an address', false],
  ])('%s contains %s: %s', (range, address, contained) => {
    expect(compileCidr(range)?.contains(address)).toBe(contained)
  })

  it.each(['', '10.0.0.0', '10.0.0.0/33', '::/129', 'x/8', '10.0.0.0/-1', '10.0.0.0/1.5'])('refuses %o', (range) => {
    expect(compileCidr(range)).toBe(null)
  })
})
