import { describe, expect, it } from 'vitest'
import { HeaderMap } from '../exchange/header-map.ts'
import { RequestHead } from '../exchange/head.ts'
import type { HeaderMatch } from '../resources/matchers.ts'
import { HeaderMatcher, matchesAllHeaders } from './header.ts'

const head = (...flat: string[]): RequestHead =>
  new RequestHead('GET', 'http', 'Reviews:9080', '/a?b', new HeaderMap(flat))

const header = (
  name: string,
  match: HeaderMatch['match'],
  more: Partial<Pick<HeaderMatch, 'invert' | 'treatMissingAsEmpty'>> = {},
): HeaderMatcher => new HeaderMatcher({ name, match, invert: false, treatMissingAsEmpty: false, ...more })

const exact = (value: string): HeaderMatch['match'] => ({
  kind: 'string',
  string: { kind: 'exact', value, ignoreCase: false },
})

describe('HeaderMatcher', () => {
  it('compares the field of its name', () => {
    expect(header('x-user', exact('jason')).matches(head('x-user', 'jason'))).toBe(true)
    expect(header('x-user', exact('jason')).matches(head('x-user', 'other'))).toBe(false)
    expect(header('x-user', exact('jason')).matches(head())).toBe(false)
  })

  it('joins fields of one name by commas before it compares', () => {
    const two = head('x-user', 'a', 'accept', '*/*', 'x-user', 'b')
    expect(header('x-user', exact('a,b')).matches(two)).toBe(true)
    expect(header('x-user', exact('a')).matches(two)).toBe(false)
  })

  it.each([
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/a?b'],
    [':authority', 'Reviews:9080'],
    ['host', 'Reviews:9080'],
  ])('reads %s from the request head', (name, value) => {
    expect(header(name, exact(value)).matches(head())).toBe(true)
    expect(header(name, exact('other')).matches(head())).toBe(false)
  })

  it.each<[present: boolean, invert: boolean, there: boolean, matched: boolean]>([
    [true, false, true, true],
    [true, false, false, false],
    [true, true, true, false],
    [true, true, false, true],
    [false, false, false, true],
    [false, false, true, false],
  ])('present %s, inverted %s, header there %s: %s', (present, invert, there, matched) => {
    const matcher = header('x', { kind: 'present', present }, { invert })
    expect(matcher.matches(there ? head('x', '') : head())).toBe(matched)
  })

  it('inverts a match', () => {
    const matcher = header('x', exact('a'), { invert: true })
    expect(matcher.matches(head('x', 'b'))).toBe(true)
    expect(matcher.matches(head('x', 'a'))).toBe(false)
  })

  it('does not match a missing header even when inverted, unless missing counts as empty', () => {
    expect(header('x', exact('a'), { invert: true }).matches(head())).toBe(false)
    expect(header('x', exact('a'), { invert: true, treatMissingAsEmpty: true }).matches(head())).toBe(true)
    expect(header('x', exact(''), { treatMissingAsEmpty: true }).matches(head())).toBe(true)
  })

  it.each([
    ['5', true],
    ['9', true],
    ['10', false],
    ['4', false],
    ['+7', true],
    [' 7 ', true],
    ['-7', false],
    ['7.5', false],
    ['0x7', false],
    ['', false],
    ['7a', false],
    ['99999999999999999999999', false],
  ])('reads %o as a number from 5 up to 10 exclusively: %s', (value, matched) => {
    expect(header('x', { kind: 'range', start: 5n, end: 10n }).matches(head('x', value))).toBe(matched)
  })

  it('compares numbers beyond 2^53 exactly', () => {
    const matcher = header('x', { kind: 'range', start: 9007199254740993n, end: 9007199254740994n })
    expect(matcher.matches(head('x', '9007199254740993'))).toBe(true)
    expect(matcher.matches(head('x', '9007199254740992'))).toBe(false)
  })

  it('matches all of no matchers', () => {
    expect(matchesAllHeaders([], head())).toBe(true)
    expect(matchesAllHeaders([header('a', exact('1')), header('b', exact('2'))], head('a', '1'))).toBe(false)
    expect(matchesAllHeaders([header('a', exact('1')), header('b', exact('2'))], head('a', '1', 'b', '2'))).toBe(true)
  })
})
