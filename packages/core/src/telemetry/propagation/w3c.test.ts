import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderMap } from '../../exchange/header-map.ts'
import {
  extractW3c,
  formatTraceparent,
  injectW3c,
  keepOneTraceparent,
  parseTraceparent,
  parseTracestate,
} from './w3c.ts'

const TRACE = '12345678901234567890123456789012'
const SPAN = '1234567890123456'
const valid = `00-${TRACE}-${SPAN}-01`

describe('traceparent', () => {
  test('reads ids and flags', () => {
    expect(parseTraceparent(valid)).toEqual({ traceId: TRACE, spanId: SPAN, flags: 1, state: '' })
  })

  test.each([
    ['empty', ''],
    ['short', valid.slice(0, -1)],
    ['version ff', `ff-${TRACE}-${SPAN}-01`],
    ['upper-case version', `AA-${TRACE}-${SPAN}-01`],
    ['version with an illegal digit', `.0-${TRACE}-${SPAN}-01`],
    ['trailing data in version 00', `${valid}-what`],
    ['a trailing character in version 00', `${valid}0`],
    ['trailing data of a later version without its dash', `cc-${TRACE}-${SPAN}-01.what`],
    ['all-zero trace-id', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['all-zero parent-id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['upper-case trace-id', `00-${'A'.repeat(32)}-${SPAN}-01`],
    ['upper-case parent-id', `00-${TRACE}-${'A'.repeat(16)}-01`],
    ['upper-case flags', `00-${TRACE}-${SPAN}-0A`],
    ['an illegal flag', `00-${TRACE}-${SPAN}-.1`],
    ['a dash that is missing', `00-${TRACE}x${SPAN}-01`],
    ['trace-id one short', `00-${TRACE.slice(1)}-${SPAN}-010`],
    ['two joined', `${valid},${valid}`],
    ['two joined of a later version', `cc-${TRACE}-${SPAN}-01-x,00-${TRACE}-${SPAN}-01`],
    ['white space around', ` ${valid}`],
  ])('is refused: %s', (_, value) => {
    expect(parseTraceparent(value)).toBeNull()
  })

  test.each([
    `cc-${TRACE}-${SPAN}-01`,
    `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like`,
    `01-${TRACE}-${SPAN}-01-`,
  ])('a later version is read as far as version 00 goes: %s', (value) => {
    const context = parseTraceparent(value)
    expect(context).toMatchObject({ traceId: TRACE, spanId: SPAN, flags: 1 })
    expect(formatTraceparent(context as NonNullable<typeof context>)).toBe(valid)
  })

  test.each([
    ['00', 0],
    ['01', 1],
    ['02', 2],
    ['03', 3],
    ['ff', 3],
    ['f0', 0],
  ])('flags %s are passed on as %i: bits without a meaning are zero', (flags, expected) => {
    expect(parseTraceparent(`00-${TRACE}-${SPAN}-${flags}`)?.flags).toBe(expected)
  })

  test('what is formatted is read back, and arbitrary text never throws', () => {
    const digits = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'.split('')), minLength: length, maxLength: length })
    fc.assert(
      fc.property(digits(32), digits(16), fc.integer({ min: 0, max: 3 }), (traceId, spanId, flags) => {
        const context = { traceId, spanId, flags, state: '' }
        const zero = /^0+$/.test(traceId) || /^0+$/.test(spanId)
        expect(parseTraceparent(formatTraceparent(context))).toEqual(zero ? null : context)
      }),
    )
    const oracle = /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[^,]*)?$/s
    const near = fc
      .tuple(fc.integer({ min: 0, max: 60 }), fc.string({ maxLength: 4 }))
      .map(([at, text]) => valid.slice(0, at) + text + valid.slice(at + text.length))
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (value) => {
        const match = oracle.exec(value)
        const accepted = match !== null && (match[1] !== '00' || match[2] === undefined)
        expect(parseTraceparent(value) !== null).toBe(accepted)
      }),
      { numRuns: 1_000 },
    )
  })
})

describe('tracestate', () => {
  test.each([
    ['foo=1', 'foo=1'],
    ['foo=1,bar=2', 'foo=1,bar=2'],
    ['foo=1 \t , \t bar=2, \t baz=3', 'foo=1,bar=2,baz=3'],
    ['foo=1,,bar=2,', 'foo=1,bar=2'],
    ['', ''],
    ['a=b c', 'a=b c'],
    ['a=  b', 'a=  b'],
    ['fw529a3039@dt=FfwB', 'fw529a3039@dt=FfwB'],
    ['0t@v=1', '0t@v=1'],
    ['a_-*/0=1', 'a_-*/0=1'],
    [`${'z'.repeat(256)}=1`, `${'z'.repeat(256)}=1`],
    [`${'t'.repeat(241)}@${'v'.repeat(14)}=1`, `${'t'.repeat(241)}@${'v'.repeat(14)}=1`],
    [`a=${'v'.repeat(256)}`, `a=${'v'.repeat(256)}`],
    [Array.from({ length: 32 }, (_, i) => `k${i}=1`).join(), Array.from({ length: 32 }, (_, i) => `k${i}=1`).join()],
  ])('%j is the list %j', (value, list) => {
    expect(parseTracestate(value)).toBe(list)
  })

  test.each([
    'foo',
    'foo=',
    '=1',
    'foo =1',
    'FOO=1',
    '0=1',
    'foo.bar=1',
    'foo@=1,bar=2',
    '@foo=1',
    'foo@@bar=1',
    'foo@bar@baz=1',
    'foo=1=2',
    'foo=bar\u0000',
    'foo=\u00e9',
    'foo@0=1',
    `${'z'.repeat(257)}=1`,
    `${'t'.repeat(242)}@v=1`,
    `t@${'v'.repeat(15)}=1`,
    `a=${'v'.repeat(257)}`,
    'ok=1,Bad=2',
    Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(),
  ])('%j is dropped whole', (value) => {
    expect(parseTracestate(value)).toBe('')
  })

  test('what is accepted once is accepted again unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'Z', '0', '@', '=', ',', ' ', '\t', '-', '~') }), (value) => {
        const list = parseTracestate(value)
        expect(parseTracestate(list)).toBe(list)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('fields of a request', () => {
  test('several tracestate fields are one list', () => {
    const headers = new HeaderMap(['traceparent', valid, 'tracestate', 'a=1', 'x', 'y', 'tracestate', 'b=2'])
    expect(extractW3c(headers)?.state).toBe('a=1,b=2')
  })

  test('tracestate is worth nothing without a valid traceparent', () => {
    expect(extractW3c(new HeaderMap(['tracestate', 'a=1']))).toBeNull()
    expect(extractW3c(new HeaderMap(['traceparent', 'x', 'tracestate', 'a=1']))).toBeNull()
  })

  test('a malformed tracestate does not cost the traceparent', () => {
    expect(extractW3c(new HeaderMap(['traceparent', valid, 'tracestate', 'A']))).toMatchObject({
      traceId: TRACE,
      state: '',
    })
  })

  test('several traceparent fields are none', () => {
    expect(extractW3c(new HeaderMap(['traceparent', valid, 'traceparent', valid]))).toBeNull()
  })

  test('injecting replaces what was there', () => {
    const headers = new HeaderMap(['traceparent', 'x', 'traceparent', 'y', 'tracestate', 'z=1'])
    injectW3c(headers, { traceId: TRACE, spanId: SPAN, flags: 0, state: '' })
    expect(headers.flat).toEqual(['traceparent', `00-${TRACE}-${SPAN}-00`])
    injectW3c(headers, { traceId: TRACE, spanId: SPAN, flags: 0, state: 'a=1' })
    expect(headers.get('tracestate')).toBe('a=1')
  })

  const other = `00-${'a'.repeat(32)}-${SPAN}-00`
  test.each([
    [
      ['traceparent', valid, 'a', 'b'],
      ['traceparent', valid, 'a', 'b'],
    ],
    [
      ['traceparent', valid, 'a', 'b', 'Traceparent', other],
      ['a', 'b', 'Traceparent', other],
    ],
    [
      ['traceparent', valid, 'a', 'b', 'traceparent', 'bad'],
      ['traceparent', valid, 'a', 'b'],
    ],
    [
      ['traceparent', 'bad', 'traceparent', 'worse'],
      ['traceparent', 'worse'],
    ],
    [
      ['a', 'b'],
      ['a', 'b'],
    ],
  ])('of %j one traceparent stays', (flat, expected) => {
    keepOneTraceparent(flat)
    expect(flat).toEqual(expected)
  })
})
