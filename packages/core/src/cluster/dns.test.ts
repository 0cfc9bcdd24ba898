import { describe, expect, test } from 'vitest'
import type { ClusterDiscovery } from '../resources/cluster.ts'
import type { ClusterLoadAssignment } from '../resources/endpoint.ts'
import { silentLogger } from '../runtime/log.ts'
import { type DecodedEndpointSpec, decodedAssignment } from '../testing/decoded-resources.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type DnsAnswer, DnsDiscovery, systemResolver } from './dns.ts'

type Zone = Record<string, DnsAnswer | 'fails'>

function setUp(
  endpoints: readonly DecodedEndpointSpec[],
  zone: Zone,
  options: { kind?: 'strict_dns' | 'logical_dns'; respectTtl?: boolean } = {},
) {
  const clock = new FakeClock()
  const asked: string[] = []
  const warnings: string[] = []
  let assignments: ClusterLoadAssignment[] = []
  const discovery: ClusterDiscovery = {
    kind: options.kind ?? 'strict_dns',
    endpoints: decodedAssignment(endpoints),
    refreshMs: 60_000,
    respectTtl: options.respectTtl ?? false,
  }
  const resolver = {
    resolve(host: string): Promise<DnsAnswer> {
      asked.push(host)
      const answer = zone[host]
      return answer === undefined || answer === 'fails'
        ? Promise.reject(new Error('ENOTFOUND'))
        : Promise.resolve(answer)
    },
  }
  const log = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
  const dns = new DnsDiscovery(discovery, { clock, log }, resolver, (assignment) => void assignments.push(assignment))
  const take = () => {
    const taken = assignments.map((a) =>
      a.localities.flatMap((l) => l.endpoints.addresses.map((address, i) => `${address}:${l.endpoints.ports[i]}`)),
    )
    assignments = []
    return taken
  }
  /** Lets promises settle. */
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  return { dns, clock, asked, warnings, zone, take, settle }
}

const answer = (addresses: string[], ttlMs: number | null = null): DnsAnswer => ({ addresses, ttlMs })

describe('DnsDiscovery', () => {
  test('strict DNS makes an endpoint of every address, with the port and weight of its name', async () => {
    const { dns, take } = setUp([{ address: 'a.test', port: 8080, weight: 3 }], {
      'a.test': answer(['10.0.0.1', '10.0.0.2']),
    })
    dns.start()
    await dns.warm
    expect(take()).toEqual([['10.0.0.1:8080', '10.0.0.2:8080']])
  })

  test('logical DNS takes the first address', async () => {
    const { dns, take } = setUp(
      [{ address: 'a.test' }],
      { 'a.test': answer(['10.0.0.1', '10.0.0.2']) },
      { kind: 'logical_dns' },
    )
    dns.start()
    await dns.warm
    expect(take()).toEqual([['10.0.0.1:80']])
  })

  test('an IP literal is not looked up', async () => {
    const { dns, asked, take } = setUp([{ address: '10.0.0.9' }, { address: '::1' }], {})
    dns.start()
    await dns.warm
    expect(asked).toEqual([])
    expect(take()).toEqual([['10.0.0.9:80', '::1:80']])
  })

  test('says nothing before every name was tried', async () => {
    const { dns, take, settle, clock } = setUp([{ address: 'a.test' }, { address: 'b.test' }], {
      'a.test': answer(['10.0.0.1']),
      'b.test': 'fails',
    })
    dns.start()
    expect(dns.isWarm).toBe(false)
    await dns.warm
    expect(dns.isWarm).toBe(true)
    expect(take()).toEqual([['10.0.0.1:80']])
    clock.advance(60_000)
    await settle()
    expect(take()).toEqual([])
  })

  test('asks again after the refresh time and tells of changes only', async () => {
    const { dns, clock, zone, asked, take, settle } = setUp([{ address: 'a.test' }], {
      'a.test': answer(['10.0.0.1'], 5000),
    })
    dns.start()
    await dns.warm
    take()
    clock.advance(59_999)
    expect(asked).toHaveLength(1)
    clock.advance(1)
    await settle()
    expect(asked).toHaveLength(2)
    expect(take()).toEqual([])
    zone['a.test'] = answer(['10.0.0.2'])
    clock.advance(60_000)
    await settle()
    expect(take()).toEqual([['10.0.0.2:80']])
  })

  test('follows the TTL where that is wanted, at most once a second', async () => {
    const { dns, clock, zone, asked, settle } = setUp(
      [{ address: 'a.test' }],
      { 'a.test': answer(['10.0.0.1'], 5000) },
      { respectTtl: true },
    )
    dns.start()
    await dns.warm
    zone['a.test'] = answer(['10.0.0.1'], 0)
    clock.advance(5000)
    await settle()
    expect(asked).toHaveLength(2)
    clock.advance(999)
    expect(asked).toHaveLength(2)
    clock.advance(1)
    expect(asked).toHaveLength(3)
  })

  test('keeps known addresses when a look-up fails, and warns once', async () => {
    const { dns, clock, zone, warnings, take, settle } = setUp([{ address: 'a.test' }], {
      'a.test': answer(['10.0.0.1']),
    })
    dns.start()
    await dns.warm
    take()
    zone['a.test'] = 'fails'
    for (let i = 0; i < 3; i++) {
      clock.advance(60_000)
      await settle()
    }
    expect(take()).toEqual([])
    expect(warnings).toHaveLength(1)
  })

  test('is warm without endpoints when the first look-up fails', async () => {
    const { dns, take } = setUp([{ address: 'a.test' }], {})
    dns.start()
    await dns.warm
    expect(take()).toEqual([[]])
  })

  test('close ends look-ups, also one that is under way', async () => {
    const { dns, clock, take, settle } = setUp([{ address: 'a.test' }], { 'a.test': answer(['10.0.0.1']) })
    dns.start()
    dns.close()
    await settle()
    expect(take()).toEqual([])
    expect(clock.pendingTimers).toBe(0)
  })
})

test('the system resolver knows localhost', async () => {
  const { addresses, ttlMs } = await systemResolver.resolve('localhost', false)
  expect(addresses.some((address) => address === '127.0.0.1' || address === '::1')).toBe(true)
  expect(ttlMs).toBeNull()
})
