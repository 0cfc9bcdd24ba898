import { describe, expect, it } from 'vitest'
import type { StringMatch } from '../resources/matchers.ts'
import { StringMatcher } from './string.ts'

const match = (kind: StringMatch['kind'], value: string, ignoreCase = false): StringMatch => ({
  kind,
  value,
  ignoreCase,
})

describe('StringMatcher', () => {
  it.each([
    [match('exact', 'Abc'), ['Abc'], ['abc', 'Abcd', '']],
    [match('exact', 'Abc', true), ['abc', 'ABC'], ['abcd']],
    [match('exact', ''), [''], ['a']],
    [match('prefix', 'ab'), ['ab', 'abc'], ['a', 'xab', 'AB']],
    [match('prefix', 'AB', true), ['abc'], ['bab']],
    [match('suffix', 'bc'), ['bc', 'abc'], ['bcd', 'BC']],
    [match('suffix', 'bc', true), ['aBC'], ['bcd']],
    [match('contains', 'b'), ['abc', 'b'], ['ac', 'B']],
    [match('contains', 'b', true), ['aBc'], ['ac']],
    [match('regex', 'a.c'), ['abc'], ['xabc', 'abcx', 'ac', 'ABC']],
    [match('regex', '(?i)a.c'), ['ABC'], ['xABC']],
  ])('%o matches what it says and nothing else', (given, yes, no) => {
    const matcher = new StringMatcher(given)
    for (const text of yes) expect(matcher.matches(text), text).toBe(true)
    for (const text of no) expect(matcher.matches(text), text).toBe(false)
  })

  it('lets ignore_case have no effect on a regex', () => {
    expect(new StringMatcher(match('regex', 'abc', true)).matches('ABC')).toBe(false)
  })

  it('matches nothing with a pattern that RE2 refuses', () => {
    expect(new StringMatcher(match('regex', '(?=a)')).matches('a')).toBe(false)
  })
})
