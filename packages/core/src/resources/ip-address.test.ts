import fc from 'fast-check'
import { isIP } from 'node:net'
import { describe, expect, it } from 'vitest'
import { isIpAddress } from './ip-address.ts'

describe('isIpAddress', () => {
  it.each(['1.2.3.4', '0.0.0.0', '255.255.255.255', '::', '::1', 'fd00::1', '::ffff:1.2.3.4', '2001:db8::a:1'])(
    'knows %o',
    (text) => expect(isIpAddress(text)).toBe(true),
  )

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.1.1.1',
    '01.2.3.4',
    'localhost',
    '1.2.3.4:80',
    '[::1]',
    ':',
  ])('refuses %o', (text) => expect(isIpAddress(text)).toBe(false))

  it('agrees with node:net', () => {
    const digits = fc.stringMatching(/^[0-9.:a-f]{0,16}$/)
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), digits), (text) => {
        expect(isIpAddress(text)).toBe(isIP(text) !== 0)
      }),
      { numRuns: 1000 },
    )
  })
})
