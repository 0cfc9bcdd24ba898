import { describe, expect, test } from 'vitest'
import { inboundRoot, LearnedNames, outboundRoot } from './on-demand.ts'

describe('the names of listeners', () => {
  test.each([
    ['reviews', 9080, 'reviews:9080'],
    ['10.0.0.1', 80, '10.0.0.1:80'],
    ['2001:db8::1', 80, '[2001:db8::1]:80'],
  ])('a call to %s port %i asks for %s', (host, port, name) => {
    expect(outboundRoot(host, port)).toBe(name)
  })

  test.each([
    ['0.0.0.0', 8080, 'xds.istio.io/grpc/lds/inbound/0.0.0.0:8080'],
    ['::', 8080, 'xds.istio.io/grpc/lds/inbound/[::]:8080'],
  ])('listening on %s port %i asks for %s', (address, port, name) => {
    expect(inboundRoot(address, port)).toBe(name)
  })
})

describe('learned names', () => {
  const name = (host: string, port = 80) => ({ host, port, usedAt: 0 })

  test('are told apart by host and by port', () => {
    const names = new LearnedNames()
    const [a, b, c] = [name('a'), name('a', 81), name('b')]
    for (const n of [a, b, c]) names.add(n)
    expect(names.find('a', 80)).toBe(a)
    expect(names.find('a', 81)).toBe(b)
    expect(names.find('b', 80)).toBe(c)
    expect(names.find('b', 81)).toBeNull()
    expect(names.find('c', 80)).toBeNull()
    expect([...names]).toEqual([a, b, c])
  })

  test('leave after as many ticks without use as told, and not one before', () => {
    const names = new LearnedNames()
    const [idle, used] = [name('idle'), name('used')]
    names.add(idle)
    names.add(used)
    expect(names.advance(2)).toEqual([])
    expect(names.advance(2)).toEqual([])
    used.usedAt = names.tick
    expect(names.advance(2)).toEqual([idle])
    expect(names.find('idle', 80)).toBeNull()
    expect(names.find('used', 80)).toBe(used)
    expect(names.size).toBe(1)
  })

  test('are bounded: the one unused for longest makes room, never the new one', () => {
    const names = new LearnedNames(2)
    const [a, b, c] = [name('a'), name('b'), name('c')]
    expect(names.add(a)).toBeNull()
    names.advance(100)
    b.usedAt = names.tick
    expect(names.add(b)).toBeNull()
    expect(names.add(c)).toBe(a)
    expect(names.find('a', 80)).toBeNull()
    expect(names.find('c', 80)).toBe(c)
    expect(names.size).toBe(2)
  })
})
