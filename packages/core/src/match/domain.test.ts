import { describe, expect, it } from 'vitest'
import { DomainTable, withoutPort } from './domain.ts'

const table = (domains: readonly string[], ignorePort = false): DomainTable<string> =>
  new DomainTable(
    domains.map((domain) => [domain, domain] as const),
    ignorePort,
  )

describe('DomainTable', () => {
  const all = table(['*', 'a.*', 'a.b.*', '*.com', '*.b.com', '*-x.b.com', 'a.b.com', 'Upper.Case'])

  it.each([
    ['a.b.com', 'a.b.com'],
    ['A.B.COM', 'a.b.com'],
    ['upper.case', 'Upper.Case'],
    ['c.b.com', '*.b.com'],
    ['c-x.b.com', '*-x.b.com'],
    ['b.com', '*.com'],
    ['.com', '*'],
    ['a.b.org', 'a.b.*'],
    ['a.c', 'a.*'],
    ['a.', '*'],
    ['other', '*'],
    ['', '*'],
    // A suffix wildcard goes before a prefix wildcard, however long that is.
    ['a.b.x.com', '*.com'],
  ])('%o belongs to %o', (authority, domain) => expect(all.find(authority)).toBe(domain))

  it('answers null when nothing matches', () => {
    expect(table(['a']).find('b')).toBe(null)
    expect(table(['a']).find('b')).toBe(null)
  })

  it('compares the port unless it is told to ignore it', () => {
    expect(table(['a:80']).find('a:80')).toBe('a:80')
    expect(table(['a']).find('a:80')).toBe(null)
    expect(table(['a'], true).find('a:80')).toBe('a')
    expect(table(['*.com'], true).find('x.com:80')).toBe('*.com')
    expect(table(['[::1]'], true).find('[::1]:80')).toBe('[::1]')
  })

  it('gives a domain to the first that names it', () => {
    const twice = new DomainTable(
      [
        ['a', 1],
        ['A', 2],
      ],
      false,
    )
    expect(twice.find('a')).toBe(1)
  })

  it('still finds the right one after more names than it keeps', () => {
    for (let i = 0; i < 10_000; i++) expect(all.find(`n${i}.com`)).toBe('*.com')
    expect(all.find('a.b.com')).toBe('a.b.com')
  })
})

describe('withoutPort', () => {
  it.each([
    ['a:80', 'a'],
    ['a', 'a'],
    ['a:', 'a'],
    ['a:b', 'a:b'],
    ['[::1]:80', '[::1]'],
    ['[::1]', '[::1]'],
    ['::1', '::1'],
  ])('%o is %o', (authority, host) => expect(withoutPort(authority)).toBe(host))
})
