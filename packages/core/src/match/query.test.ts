import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import type { QueryParameterMatch } from '../resources/matchers.ts'
import { pathEnd } from './path.ts'
import { queryParameter, QueryParameterMatcher } from './query.ts'

const value = (path: string, name: string): string | null => queryParameter(path, pathEnd(path), name)

describe('queryParameter', () => {
  it.each([
    ['/?a=1', 'a', '1'],
    ['/?a=1&b=2', 'b', '2'],
    ['/?a=1&a=2', 'a', '1'],
    ['/?ab=1&a=2', 'a', '2'],
    ['/?a', 'a', ''],
    ['/?a&b', 'b', ''],
    ['/?a=', 'a', ''],
    ['/?a=b=c', 'a', 'b=c'],
    ['/?a=%20', 'a', '%20'],
    ['/?a=1#b', 'a', '1'],
    ['/?x#&a=1', 'a', null],
    ['/#?a=1', 'a', null],
    ['/a=1', 'a', null],
    ['/?', 'a', null],
    ['/?b=a', 'a', null],
    ['/?&&a=1', 'a', '1'],
  ])('of %o, %o is %o', (path, name, expected) => expect(value(path, name)).toBe(expected))

  it('finds what URLSearchParams finds, where nothing is encoded', () => {
    const word = fc.stringMatching(/^[a-c]{1,2}$/)
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 5 }), word, (pairs, name) => {
        const query = pairs.map(([key, text]) => `${key}=${text}`).join('&')
        expect(value(`/p?${query}`, name)).toBe(new URLSearchParams(query).get(name))
      }),
    )
  })
})

describe('QueryParameterMatcher', () => {
  const matches = (match: QueryParameterMatch['match'], path: string): boolean =>
    new QueryParameterMatcher({ name: 'a', match }).matches(path, pathEnd(path))

  it('compares the first value', () => {
    const one = { kind: 'string', string: { kind: 'exact', value: '1', ignoreCase: false } } as const
    expect(matches(one, '/?a=1&a=2')).toBe(true)
    expect(matches(one, '/?a=2&a=1')).toBe(false)
    expect(matches(one, '/')).toBe(false)
  })

  it.each([
    [true, '/?a', true],
    [true, '/?b', false],
    [false, '/?b', true],
    [false, '/?a', false],
  ])('present %s of %o: %s', (present, path, matched) =>
    expect(matches({ kind: 'present', present }, path)).toBe(matched),
  )
})
