import { describe, expect, it } from 'vitest'
import type { RouteMatch } from '../resources/route-configuration.ts'
import { pathEnd, PathMatcher } from './path.ts'

const matches = (path: RouteMatch['path'], text: string, caseSensitive = true, method = 'GET'): boolean =>
  new PathMatcher(path, caseSensitive).matches(text, pathEnd(text), method)

describe('pathEnd', () => {
  it.each([
    ['/a', 2],
    ['/a?b', 2],
    ['/a#b', 2],
    ['/a#b?c', 2],
    ['?', 0],
    ['', 0],
  ])('%o has its path up to %i', (path, end) => expect(pathEnd(path)).toBe(end))
})

describe('PathMatcher', () => {
  it.each<[RouteMatch['path'], string[], string[]]>([
    [{ kind: 'prefix', value: '/' }, ['/', '/a', '/?x'], ['', 'a', '*']],
    [{ kind: 'prefix', value: '' }, ['/', '', '*'], []],
    [{ kind: 'prefix', value: '/foo' }, ['/foo', '/foobar', '/foo/x', '/foo?a'], ['/fo', '/Foo', '/fo?foo']],
    [{ kind: 'exact', value: '/foo' }, ['/foo', '/foo?a=b', '/foo#x'], ['/foo/', '/foobar', '/fo', '/FOO']],
    [{ kind: 'path_separated_prefix', value: '/foo' }, ['/foo', '/foo/bar', '/foo?x'], ['/foobar', '/fo']],
    [{ kind: 'regex', value: '/foo/[0-9]+' }, ['/foo/12', '/foo/1?x=y'], ['/foo/', '/foo/1a', '/x/foo/1']],
  ])('%o', (path, yes, no) => {
    for (const text of yes) expect(matches(path, text), text).toBe(true)
    for (const text of no) expect(matches(path, text), text).toBe(false)
  })

  it('does not let a query take part in a prefix', () => {
    expect(matches({ kind: 'prefix', value: '/foo?a' }, '/foo?a')).toBe(false)
  })

  it.each(['prefix', 'exact', 'path_separated_prefix'] as const)('ignores case in a %s when told so', (kind) => {
    expect(matches({ kind, value: '/FoO' }, '/fOo?x', false)).toBe(true)
    expect(matches({ kind, value: '/FoO' }, '/fOo?x', true)).toBe(false)
    expect(matches({ kind, value: '/FoO' }, '/bar', false)).toBe(false)
  })

  it('lets case_sensitive have no effect on a regex', () => {
    expect(matches({ kind: 'regex', value: '/foo' }, '/FOO', false)).toBe(false)
  })

  it('matches CONNECT by its method', () => {
    expect(matches({ kind: 'connect' }, '', true, 'CONNECT')).toBe(true)
    expect(matches({ kind: 'connect' }, '/', true, 'GET')).toBe(false)
  })
})
