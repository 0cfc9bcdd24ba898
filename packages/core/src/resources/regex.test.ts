import { describe, expect, it } from 'vitest'
import { compileRegex, MAX_PATTERN_LENGTH, type Regex } from './regex.ts'

function regex(pattern: string): Regex {
  const compiled = compileRegex(pattern)
  if (typeof compiled === 'string') throw new Error(compiled)
  return compiled
}

describe('compileRegex', () => {
  it('matches the whole text', () => {
    expect(regex('a|ab').matches('ab')).toBe(true)
    expect(regex('b').matches('abc')).toBe(false)
    expect(regex('').matches('a')).toBe(false)
  })

  it('has the syntax of RE2', () => {
    expect(regex('(?i)abc').matches('ABC')).toBe(true)
    expect(regex('(?P<n>a+)').matches('aaa')).toBe(true)
    for (const pattern of ['(?=a)', '(?<!a)b', '(a)\\1', '[', 'a{1001}', '(a{100}){100}'])
      expect(compileRegex(pattern), pattern).toBeTypeOf('string')
  })

  it('refuses patterns that are too long', () => {
    expect(compileRegex('a'.repeat(MAX_PATTERN_LENGTH))).not.toBeTypeOf('string')
    expect(compileRegex('a'.repeat(MAX_PATTERN_LENGTH + 1))).toBeTypeOf('string')
  })

  it('ends on patterns that make backtracking engines hang', () => {
    expect(regex('(a+)+').matches(`${'a'.repeat(20_000)}b`)).toBe(false)
  })
})

describe('replaceAll', () => {
  it.each([
    ['/service/([^/]+)(/.*)', '\\2/instance/\\1', '/service/foo/v1/api', '/v1/api/instance/foo'],
    ['one', 'two', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/two/zzz'],
    ['^(.*?)one(.*)$', '\\1two\\2', '/xxx/one/yyy/one/zzz', '/xxx/two/yyy/one/zzz'],
    ['a', '$1\\\\', 'a', '$1\\'],
    ['x', 'y', 'abc', 'abc'],
  ])('%o by %o turns %o into %o', (pattern, substitution, text, expected) => {
    expect(regex(pattern).replaceAll(text, substitution)).toBe(expected)
  })
})
