import { describe, expect, test } from 'vitest'
import { HeaderMap } from './header-map.ts'

describe('what of a header map nobody has touched', () => {
  test.each<[string, (headers: HeaderMap) => unknown, number]>([
    ['append', (headers) => headers.append('d', '4'), 6],
    ['set of a new field', (headers) => headers.set('d', '4'), 6],
    ['set of a field that is there', (headers) => headers.set('b', '4'), 2],
    ['remove', (headers) => headers.remove('c'), 4],
    ['append and then remove of an earlier one', (headers) => (headers.append('d', '4'), headers.remove('a')), 0],
    ['remove and then append', (headers) => (headers.remove('a'), headers.append('d', '4')), 0],
  ])('ends where %s begins', (_, edit, untouched) => {
    const headers = new HeaderMap(['a', '1', 'b', '2', 'c', '3'])
    edit(headers)
    expect([headers.changed, headers.untouched]).toEqual([true, untouched])
  })

  test('is all of it as long as it is only read, or nothing was there to remove', () => {
    const headers = new HeaderMap(['a', '1'])
    headers.get('a')
    headers.remove('b')
    expect(headers.changed).toBe(false)
    expect(headers.untouched).toBeGreaterThanOrEqual(headers.flat.length)
  })
})
