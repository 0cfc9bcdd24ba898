import { describe, expect, it } from 'vitest'
import { readRequestHeaders, readResponseHeaders, toHeadersObject, toRawHeaders } from './undici-headers.ts'
import type { UndiciHeaders } from './undici.ts'

function read(headers: UndiciHeaders | undefined): { host: string | null; flat: string[] } {
  const flat: string[] = []
  const host = readRequestHeaders(headers, flat)
  return { host, flat }
}

describe('the fields of a request', () => {
  const forms: [string, UndiciHeaders][] = [
    ['an object', { Host: 'reviews', Accept: ['a', 'b'], 'X-Number': 1 as never, absent: undefined }],
    ['a flat list', ['Host', 'reviews', 'Accept', 'a', 'Accept', 'b', 'X-Number', '1']],
    [
      'pairs',
      new Map<string, string | string[]>([
        ['Host', 'reviews'],
        ['Accept', ['a', 'b']],
        ['X-Number', '1'],
      ]),
    ],
  ]
  it.each(forms)('are read from %s in lower case, without the Host', (_, headers) => {
    expect(read(headers)).toEqual({ host: 'reviews', flat: ['accept', 'a', 'accept', 'b', 'x-number', '1'] })
  })

  it('are read from a Headers object', () => {
    expect(read(new Headers({ Host: 'reviews', 'X-A': '1' }) as never)).toEqual({ host: 'reviews', flat: ['x-a', '1'] })
  })

  it.each([undefined, null, {}, []])('may be missing (%j)', (headers) => {
    expect(read(headers)).toEqual({ host: null, flat: [] })
  })

  it.each<[string, unknown, string]>([
    ['an odd list', ['a'], 'headers array must be even'],
    ['a string', 'a: b', 'headers must be an object or an array'],
    ['an object as value', { a: {} }, 'invalid a header'],
    ['two Hosts', ['host', 'a', 'Host', 'b'], 'duplicate host header'],
    ['what are no pairs', new Set(['a']), 'headers must be in key-value pair format'],
  ])('are refused as by undici when they are %s', (_, headers, message) => {
    expect(() => read(headers as UndiciHeaders)).toThrow(
      expect.objectContaining({ code: 'UND_ERR_INVALID_ARG', message }),
    )
  })
})

describe('the fields of a response', () => {
  it('survive the way to a flat list and back', () => {
    const headers = { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2', 'c=3'], via: ['x', 'y'] }
    const flat = readResponseHeaders(headers)
    const cookies = ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'set-cookie', 'c=3']
    expect(flat).toEqual(['content-type', 'text/plain', ...cookies, 'via', 'x', 'via', 'y'])
    expect(toHeadersObject(flat)).toEqual(headers)
  })

  it('keep a field named __proto__ a field', () => {
    const headers = toHeadersObject(['__proto__', 'a', '__proto__', 'b'])
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype)
    expect(Object.getOwnPropertyDescriptor(headers, '__proto__')?.value).toEqual(['a', 'b'])
  })

  it('become Buffers of latin1 for older undici', () => {
    expect(toRawHeaders(['x-name', 'gr\u00fcn'])).toEqual([
      Buffer.from('x-name'),
      Buffer.from([0x67, 0x72, 0xfc, 0x6e]),
    ])
  })
})
