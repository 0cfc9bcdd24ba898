import { describe, expect, test } from 'vitest'
import type { TranslatedResource } from '../translate/resource.ts'
import type { SubscriptionRequest } from './discovery-messages.ts'
import { TypeSubscription } from './type-subscription.ts'

const resource = (name: string, version = '1'): TranslatedResource => ({ name, version, value: new Uint8Array() })
const request = (partial: Partial<SubscriptionRequest>): SubscriptionRequest => ({
  node: null,
  typeUrl: 't',
  nonce: '',
  error: null,
  names: null,
  subscribe: [],
  unsubscribe: [],
  initialVersions: {},
  ...partial,
})

describe('state of the world', () => {
  const start = (): { s: TypeSubscription; nonce: string } => {
    const s = new TypeSubscription('t', 'sotw')
    expect(s.receive(request({ names: ['a'] }))).toBe('all')
    return { s, nonce: s.respond([resource('a')], 'all')?.nonce as string }
  }

  test('the first request is answered with every resource that is there', () => {
    const s = new TypeSubscription('t', 'sotw')
    s.receive(request({ names: ['a', 'b'] }))
    expect(s.respond([resource('a')], 'all')?.resources.map((r) => r.name)).toEqual(['a'])
  })

  test('an ACK is not answered and makes the subscription synced', () => {
    const { s, nonce } = start()
    expect(s.synced).toBe(false)
    expect(s.receive(request({ names: ['a'], nonce }))).toBe('none')
    expect(s.synced).toBe(true)
    expect(s.respond([resource('a')], 'none')).toBeNull()
  })

  test('a name that is added is answered with all resources, a name that is dropped is not answered', () => {
    const { s, nonce } = start()
    expect(s.receive(request({ names: ['a', 'b'], nonce }))).toBe('all')
    const next = s.respond([resource('a'), resource('b')], 'all')
    expect(next?.resources).toHaveLength(2)
    expect(s.receive(request({ names: ['b'], nonce: next?.nonce as string }))).toBe('none')
    expect([...s.names]).toEqual(['b'])
    expect(s.respond([resource('b')], 'none')).toBeNull()
  })

  test('a stale nonce changes nothing', () => {
    const { s } = start()
    expect(s.receive(request({ names: ['a', 'b'], nonce: 'old' }))).toBe('none')
    expect([...s.names]).toEqual(['a'])
  })

  test('a NACK is kept, not answered, and does not block a later change of the subscription', () => {
    const { s, nonce } = start()
    expect(s.receive(request({ names: ['a'], nonce, error: 'bad' }))).toBe('none')
    expect(s.error).toBe('bad')
    expect(s.synced).toBe(false)
    expect(s.receive(request({ names: ['a', 'b'], nonce, error: 'bad' }))).toBe('all')
  })

  test('a push is sent only when a version changed or a resource vanished', () => {
    const { s } = start()
    expect(s.respond([resource('a')], 'none')).toBeNull()
    expect(s.respond([resource('a', '2')], 'none')?.resources).toHaveLength(1)
    expect(s.respond([], 'none')?.resources).toEqual([])
    expect(s.respond([], 'none')).toBeNull()
  })

  test('a client that brings the nonce of an earlier stream is answered as a new one', () => {
    const s = new TypeSubscription('t', 'sotw')
    expect(s.receive(request({ names: ['a'], nonce: 'of-another-stream' }))).toBe('all')
  })

  test('the version depends on the content alone', () => {
    const version = (resources: TranslatedResource[]): string | undefined =>
      new TypeSubscription('t', 'sotw').respond(resources, 'all')?.version
    expect(version([resource('a')])).toBe(version([resource('a')]))
    expect(version([resource('a')])).not.toBe(version([resource('a', '2')]))
  })
})

describe('delta', () => {
  const start = (): { s: TypeSubscription; nonce: string } => {
    const s = new TypeSubscription('t', 'delta')
    const demand = s.receive(request({ subscribe: ['a'] }))
    expect(demand).toEqual(['a'])
    return { s, nonce: s.respond([resource('a')], demand)?.nonce as string }
  }

  test('only what changed is sent', () => {
    const { s } = start()
    const next = s.respond([resource('a'), resource('b')], 'none')
    expect(next?.resources.map((r) => r.name)).toEqual(['b'])
    expect(s.respond([resource('a'), resource('b')], 'none')).toBeNull()
  })

  test('what vanished is removed by name', () => {
    const { s } = start()
    const next = s.respond([], 'none')
    expect(next?.removed).toEqual(['a'])
    expect(s.respond([], 'none')).toBeNull()
  })

  test('a name that does not exist is answered as removed', () => {
    const s = new TypeSubscription('t', 'delta')
    const demand = s.receive(request({ subscribe: ['ghost'] }))
    expect(s.respond([], demand)?.removed).toEqual(['ghost'])
  })

  test('a name that is subscribed to again is sent again, though it did not change', () => {
    const { s, nonce } = start()
    const demand = s.receive(request({ subscribe: ['a'], nonce }))
    expect(s.respond([resource('a')], demand)?.resources).toHaveLength(1)
  })

  test('a spontaneous request without a nonce is a change of the subscription', () => {
    const { s } = start()
    expect(s.receive(request({ subscribe: ['b'] }))).toEqual(['b'])
    expect(s.receive(request({ unsubscribe: ['a'] }))).toBe('none')
    expect([...s.names]).toEqual(['b'])
  })

  test('versions that the client still holds are not sent again, changed ones are, vanished ones are removed', () => {
    const s = new TypeSubscription('t', 'delta')
    const demand = s.receive(
      request({ subscribe: ['same', 'changed', 'gone'], initialVersions: { same: '1', changed: '1', gone: '1' } }),
    )
    const answer = s.respond([resource('same', '1'), resource('changed', '2')], demand)
    expect(answer?.resources.map((r) => r.name)).toEqual(['changed'])
    expect(answer?.removed).toEqual(['gone'])
  })

  test('a client that holds everything as it is gets an empty answer, so that it knows', () => {
    const s = new TypeSubscription('t', 'delta')
    const demand = s.receive(request({ subscribe: ['same'], initialVersions: { same: '1' } }))
    const answer = s.respond([resource('same', '1')], demand)
    expect(answer?.resources).toEqual([])
    expect(answer?.removed).toEqual([])
  })

  test('a NACK is kept until the next ACK', () => {
    const { s, nonce } = start()
    s.receive(request({ nonce, error: 'bad' }))
    expect(s.error).toBe('bad')
    const next = s.respond([resource('a', '2')], 'none')
    s.receive(request({ nonce: next?.nonce as string }))
    expect(s.error).toBeNull()
    expect(s.synced).toBe(true)
  })
})
