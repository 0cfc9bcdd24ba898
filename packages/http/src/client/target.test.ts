import { describe, expect, it } from 'vitest'
import { Destinations } from './target.ts'

describe('the destination of an origin', () => {
  it.each<[string | URL, object]>([
    ['http://reviews:9080', { scheme: 'http', host: 'reviews', port: 9080, authority: 'reviews:9080' }],
    ['http://Reviews.Shop', { scheme: 'http', host: 'reviews.shop', port: 80, authority: 'reviews.shop' }],
    ['https://reviews', { scheme: 'https', host: 'reviews', port: 443, authority: 'reviews' }],
    ['http://[::1]:8080', { scheme: 'http', host: '::1', port: 8080, authority: '[::1]:8080' }],
    [new URL('http://reviews:80/path'), { scheme: 'http', host: 'reviews', port: 80, authority: 'reviews' }],
  ])('of %s is scheme, host, port and authority', (origin, expected) => {
    expect(new Destinations().of(origin)).toEqual(expected)
  })

  it.each([undefined, null, '', 'reviews:9080', 'ftp://reviews', 'not a url'])('of %j there is none', (origin) => {
    expect(new Destinations().of(origin)).toBe(null)
  })

  it('is the same object for the same origin, and the memory of them is bounded', () => {
    const destinations = new Destinations()
    const first = destinations.of('http://reviews')
    expect(destinations.of('http://reviews')).toBe(first)
    for (let i = 0; i < 2000; i++) destinations.of(`http://host-${i}`)
    expect(destinations.of('http://reviews')).not.toBe(first)
  })
})
