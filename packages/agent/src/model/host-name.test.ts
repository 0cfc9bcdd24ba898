import { expect, test } from 'vitest'
import { bySpecificity, candidateHostNames, fullHostName, hostCovers, hostsOverlap, isHostName } from './host-name.ts'

test.each([
  ['reviews', 'reviews.shop.svc.cluster.local'],
  ['Reviews', 'reviews.shop.svc.cluster.local'],
  ['reviews.other', 'reviews.other'],
  ['*', '*'],
  ['10.0.0.1', '10.0.0.1'],
  ['::1', '::1'],
])('a host %s in an object of shop is %s', (host, full) => {
  expect(fullHostName(host, 'shop')).toBe(full)
})

test.each([
  ['reviews', ['reviews', 'reviews.shop.svc.cluster.local']],
  ['reviews.ns', ['reviews.ns', 'reviews.ns.svc.cluster.local']],
  ['reviews.ns.svc', ['reviews.ns.svc', 'reviews.ns.svc.cluster.local']],
  ['reviews.ns.svc.cluster.local.', ['reviews.ns.svc.cluster.local']],
  ['api.example.com', ['api.example.com']],
  ['10.0.0.1', ['10.0.0.1']],
])('a proxy of shop may mean by %s: %s', (host, candidates) => {
  expect(candidateHostNames(host, 'shop', 'shop.svc.cluster.local')).toEqual(candidates)
})

test.each([
  ['*.foo.com', 'a.foo.com', true],
  ['*.foo.com', 'foo.com', false],
  ['*oo.com', 'foo.com', true],
  ['*', 'anything', true],
  ['*.foo.com', '*.a.foo.com', true],
  ['*.a.foo.com', '*.foo.com', false],
  ['a.com', 'a.com', true],
  ['a.com', '*.com', false],
])('%s covers %s: %s', (pattern, host, covers) => {
  expect(hostCovers(pattern, host)).toBe(covers)
})

test('overlap is symmetric where covering is not', () => {
  expect(hostsOverlap('*.com', 'a.com')).toBe(true)
  expect(hostsOverlap('a.com', '*.com')).toBe(true)
  expect(hostsOverlap('*.org', '*.com')).toBe(false)
})

test('exact names come first, then longer wildcards', () => {
  expect(['*', '*.b.com', 'a.com', '*.com'].toSorted(bySpecificity)).toEqual(['a.com', '*.b.com', '*.com', '*'])
})

test.each([
  ['reviews', true, true],
  ['*.example.com', true, true],
  ['*.example.com', false, false],
  ['a.*.com', true, false],
  ['http://x', true, false],
  ['', true, false],
])('%s as a host name (wildcards: %s): %s', (host, wildcard, valid) => {
  expect(isHostName(host, wildcard)).toBe(valid)
})
