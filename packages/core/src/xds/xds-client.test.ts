import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { MeshError } from '../runtime/errors.ts'
import { silentLogger } from '../runtime/log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { FakeControlPlane } from '../testing/fake-control-plane.ts'
import type { RecordedRequest } from '../testing/recorded-request.ts'
import { GrpcTransport } from './grpc-transport.ts'
import type { ResourceType } from './resource-type.ts'
import type { ResourceWatcher } from './watch.ts'
import { XdsClient } from './xds-client.ts'

const LDS = 'type.googleapis.com/envoy.config.listener.v3.Listener'
const RDS = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration'

/** A resource of these tests: its name in field 1, a text in field 2; texts that begin with `bad` are invalid. */
function bytes(name: string, text: string): Uint8Array {
  return new BinaryWriter().tag(1, 2).string(name).tag(2, 2).string(text).finish()
}

const decoded: string[] = []

function textType(typeUrl: string, shortName: string, fullState: boolean): ResourceType<{ text: string }> {
  return {
    typeUrl,
    shortName,
    fullState,
    decode(value) {
      const r = new BinaryReader(value)
      r.tag()
      const name = r.string()
      r.tag()
      const text = r.string()
      decoded.push(`${name}=${text}`)
      if (text.startsWith('bad')) return { ok: false, name, errors: [`first: ${text}`, 'second'] }
      return { ok: true, name, resource: { text }, warnings: [] }
    },
  }
}

const listeners = textType(LDS, 'Listener', true)
const routes = textType(RDS, 'RouteConfiguration', false)

/** Writes down what a watcher hears. */
class Recorder implements ResourceWatcher<{ text: string }> {
  readonly heard: string[] = []

  onChanged(resource: { text: string }): void {
    this.heard.push(resource.text)
  }

  onError(error: MeshError): void {
    this.heard.push(error.code)
  }

  onAmbientError(error: MeshError): void {
    this.heard.push(`ambient ${error.code}`)
  }
}

/** Lets the event loop turn until `test` holds. */
function until(test: () => boolean): Promise<void> {
  const probe = (): void => {
    if (!test()) throw new Error(`never came: ${test.toString()}`)
  }
  return vi.waitFor(probe, { interval: 1, timeout: 10_000 })
}

const MISSING = 'MESH_XDS_RESOURCE_MISSING'
const INVALID = 'MESH_XDS_RESOURCE_INVALID'
const UNAVAILABLE = 'ambient MESH_XDS_UNAVAILABLE'

describe.each(['sotw', 'delta'] as const)('the xDS client, %s', (variant) => {
  let plane: FakeControlPlane
  let clock: FakeClock
  let client: XdsClient
  let dice: number

  beforeEach(async () => {
    plane = await FakeControlPlane.start()
    clock = new FakeClock()
    dice = 0
    client = connect(plane.address)
    decoded.length = 0
  })

  afterEach(async () => {
    client.close()
    await plane.close()
  })

  function connect(address: string): XdsClient {
    const node = {
      id: 'sidecar~10.0.0.1~a.shop~shop.svc.cluster.local',
      cluster: 'a.shop',
      metadata: { NAMESPACE: 'shop' },
      userAgentName: 'inmesh',
      userAgentVersion: '1',
    }
    const transport = new GrpcTransport({ address, clock })
    return new XdsClient({
      transport,
      node,
      variant,
      clock,
      random: { next: () => dice, hex: () => '' },
      log: silentLogger,
    })
  }

  function watch(type: ResourceType<{ text: string }>, name: string) {
    const recorder = new Recorder()
    const subscription = client.watch(type, name, recorder)
    return { heard: recorder.heard, cancel: () => subscription.cancel() }
  }

  const hears = (watched: { heard: string[] }, ...expected: string[]) =>
    until(() => watched.heard.length >= expected.length).then(() => expect(watched.heard).toEqual(expected))

  /** Names that a request adds to or leaves of the subscription. */
  const names = (r: RecordedRequest): readonly string[] => (variant === 'sotw' ? r.names : r.subscribe)
  const acks = () => plane.requests.filter((r) => r.nonce !== '' && r.error === null)
  const nacks = () => plane.requests.filter((r) => r.error !== null)
  const status = (name: string) => client.dump().resources.find((r) => r.name === name)

  async function reconnect(): Promise<void> {
    await until(() => client.dump().stream === 'backing-off' && clock.pendingTimers > 0)
    while (client.dump().stream === 'backing-off') clock.advance(100)
  }

  describe('subscribing', () => {
    it('opens no stream before the first watch', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      expect(client.dump().stream).toBe('idle')
      expect(plane.openStreams).toBe(0)
    })

    it('asks once per type for what is watched in one tick', async () => {
      watch(routes, 'r1')
      watch(routes, 'r2')
      watch(listeners, 'l1')
      await until(() => plane.requests.length >= 2)
      watch(routes, 'r3')
      watch(routes, 'r4')
      await plane.request((r) => names(r).includes('r4'))
      const asked = plane.requests.filter((r) => r.typeUrl === RDS && names(r).length > 0).map((r) => names(r))
      expect(asked).toEqual(
        variant === 'sotw'
          ? [
              ['r1', 'r2'],
              ['r1', 'r2', 'r3', 'r4'],
            ]
          : [
              ['r1', 'r2'],
              ['r3', 'r4'],
            ],
      )
    })

    it('sends the node in the first request of each stream and in no other', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      watch(listeners, 'l1')
      await hears(r1, 'one')
      plane.dropStreams()
      await reconnect()
      await plane.request((r) => r.stream === 2 && r.typeUrl === LDS)
      for (const stream of [1, 2]) {
        const [first, ...others] = plane.requests.filter((r) => r.stream === stream)
        expect(first?.node).toMatchObject({ id: 'sidecar~10.0.0.1~a.shop~shop.svc.cluster.local', cluster: 'a.shop' })
        expect(first?.node?.metadata).toEqual({ NAMESPACE: 'shop' })
        expect(others.length).toBeGreaterThan(0)
        expect(others.every((r) => r.node === null)).toBe(true)
      }
    })

    it('shares one subscription between watches of one resource', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const first = watch(routes, 'r1')
      await hears(first, 'one')
      const second = watch(routes, 'r1')
      expect(second.heard).toEqual([])
      await hears(second, 'one')
      plane.set(RDS, 'r1', bytes('r1', 'two'))
      await Promise.all([hears(first, 'one', 'two'), hears(second, 'one', 'two')])
      expect(plane.requests.filter((r) => names(r).length > 0 && r.nonce === '')).toHaveLength(1)
    })

    it('unsubscribes when the last watcher leaves, not before', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      const again = watch(routes, 'r1')
      watch(routes, 'r2')
      await hears(r1, 'one')
      r1.cancel()
      r1.cancel()
      plane.set(RDS, 'r1', bytes('r1', 'two'))
      await hears(again, 'one', 'two')
      expect(r1.heard).toEqual(['one'])
      again.cancel()
      await plane.request((r) => (variant === 'sotw' ? r.names.join() === 'r2' : r.unsubscribe.join() === 'r1'))
      expect(status('r1')).toBeUndefined()
    })

    it('keeps the value and sends nothing when a watch is replaced in one tick', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const first = watch(routes, 'r1')
      await hears(first, 'one')
      await until(() => acks().length === 1)
      first.cancel()
      const second = watch(routes, 'r1')
      await hears(second, 'one')
      watch(routes, 'r2')
      await plane.request((r) => names(r).includes('r2'))
      expect(plane.requests.filter((r) => r.nonce === '' || names(r).includes('r2'))).toHaveLength(2)
    })

    it('never asks for listeners without a name, whatever is watched and left', async () => {
      const l1 = watch(listeners, 'l1')
      l1.cancel()
      const r1 = watch(routes, 'r1')
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      plane.set(LDS, 'l2', bytes('l2', 'two'))
      const l2 = watch(listeners, 'l2')
      await Promise.all([hears(r1, 'one'), hears(l2, 'two')])
      l2.cancel()
      plane.set(RDS, 'r1', bytes('r1', 'three'))
      await hears(r1, 'one', 'three')
      plane.dropStreams()
      await reconnect()
      await plane.request((r) => r.stream === 2)
      plane.set(RDS, 'r1', bytes('r1', 'four'))
      await hears(r1, 'one', 'three', 'four')
      const sent = plane.requests.filter((r) => r.typeUrl === LDS)
      expect(sent.filter((r) => r.stream === 2)).toEqual([])
      if (variant === 'sotw') expect(sent.every((r) => r.names.length > 0)).toBe(true)
      else expect(sent.find((r) => r.unsubscribe.length > 0)?.unsubscribe).toEqual(['l2'])
    })

    it('asks again for a listener that was left and is watched anew', async () => {
      plane.set(LDS, 'l1', bytes('l1', 'one'))
      const first = watch(listeners, 'l1')
      await hears(first, 'one')
      first.cancel()
      watch(routes, 'r1')
      await plane.request((r) => r.typeUrl === RDS)
      plane.set(LDS, 'l1', bytes('l1', 'two'))
      const second = watch(listeners, 'l1')
      await until(() => second.heard.at(-1) === 'two')
    })

    it('carries the last nonce in a changed subscription, as the variant wants it', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      await hears(watch(routes, 'r1'), 'one')
      await until(() => acks().length === 1)
      watch(routes, 'r2')
      const change = await plane.request((r) => names(r).includes('r2'))
      const ack = acks()[0] as RecordedRequest
      if (variant === 'sotw')
        expect(change).toMatchObject({ nonce: ack.nonce, version: ack.version, names: ['r1', 'r2'] })
      else expect(change).toMatchObject({ nonce: '', subscribe: ['r2'], unsubscribe: [] })
    })
  })

  describe('responses', () => {
    it('acknowledges each response with its nonce, and in state of the world with its version', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.respond(RDS, { version: 'v7', nonce: 'n7', resources: [{ name: 'r1', value: bytes('r1', 'two') }] })
      const ack = await plane.request((r) => r.nonce === 'n7')
      expect(ack).toMatchObject(
        variant === 'sotw' ? { version: 'v7', names: ['r1'], error: null } : { subscribe: [], error: null },
      )
      expect(client.stats).toMatchObject({ acks: 2, nacks: 0 })
      expect(status('r1')).toMatchObject({ status: 'ACKED', version: 'v7', error: null })
    })

    it('rejects with every error and the version in force, keeps the value, and recovers', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      const r2 = watch(routes, 'r2')
      await hears(r1, 'one')
      await until(() => acks().length >= 1)
      const good = acks().at(-1) as RecordedRequest
      plane.respond(RDS, {
        version: 'v8',
        nonce: 'n8',
        resources: [
          { name: 'r1', value: bytes('r1', 'bad one') },
          { name: 'r2', value: bytes('r2', 'bad two') },
        ],
      })
      const nack = await plane.request((r) => r.nonce === 'n8')
      expect(nack.error).toEqual({
        code: 3,
        message: 'RouteConfiguration "r1" first: bad one; second\nRouteConfiguration "r2" first: bad two; second',
      })
      if (variant === 'sotw') expect(nack).toMatchObject({ version: good.version, names: ['r1', 'r2'] })
      await Promise.all([hears(r1, 'one', `ambient ${INVALID}`), until(() => r2.heard.at(-1) === INVALID)])
      expect(status('r1')).toMatchObject({
        status: 'NACKED',
        failedVersion: 'v8',
        error: expect.stringContaining('bad one'),
      })
      plane.respond(RDS, {
        nonce: 'n9',
        version: 'v9',
        resources: ['r1', 'r2'].map((n) => ({ name: n, value: bytes(n, 'good') })),
      })
      await hears(r1, 'one', `ambient ${INVALID}`, 'good')
      await until(() => r2.heard.at(-1) === 'good')
      expect((await plane.request((r) => r.nonce === 'n9')).error).toBeNull()
      expect(status('r1')).toMatchObject({ status: 'ACKED', version: 'v9', failedVersion: '' })
    })

    it('does not carry a rejection into later requests', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'bad'))
      await hears(watch(routes, 'r1'), INVALID)
      watch(routes, 'r2')
      expect((await plane.request((r) => names(r).includes('r2'))).error).toBeNull()
      expect(nacks()).toHaveLength(1)
    })

    it('says the same rejection once', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'bad'))
      const r1 = watch(routes, 'r1')
      await hears(r1, INVALID)
      plane.respond(RDS, { nonce: 'again', resources: [{ name: 'r1', value: bytes('r1', 'bad') }] })
      await plane.request((r) => r.nonce === 'again' && r.error !== null)
      expect(r1.heard).toEqual([INVALID])
    })

    it('applies the good resources of a response that it rejects for the bad ones', async () => {
      const [r1, r2] = [watch(routes, 'r1'), watch(routes, 'r2')]
      plane.set(RDS, 'r1', bytes('r1', 'bad'))
      plane.set(RDS, 'r2', bytes('r2', 'two'))
      await Promise.all([until(() => r1.heard.at(-1) === INVALID), until(() => r2.heard.at(-1) === 'two')])
      await until(() => nacks().length === 1)
    })

    it('rejects a response in which a resource occurs twice, and applies neither of the two', async () => {
      const [r1, r2] = [watch(routes, 'r1'), watch(routes, 'r2')]
      await plane.request((r) => r.typeUrl === RDS)
      plane.respond(RDS, {
        resources: ['one', 'two']
          .map((text) => ({ name: 'r1', value: bytes('r1', text) }))
          .concat({ name: 'r2', value: bytes('r2', 'x') }),
      })
      await until(() => nacks().length === 1)
      expect(nacks()[0]?.error?.message).toContain('"r1" occurs more than once')
      await until(() => r2.heard.at(-1) === 'x')
      expect(r1.heard.filter((h) => h === 'one' || h === 'two')).toEqual([])
    })

    it('rejects a resource of another type and one that is no message', async () => {
      const r1 = watch(routes, 'r1')
      await plane.request((r) => r.typeUrl === RDS)
      plane.respond(RDS, { nonce: 'a', resources: [{ name: 'r1', value: bytes('r1', 'x'), typeUrl: LDS }] })
      expect((await plane.request((r) => r.nonce === 'a')).error?.message).toContain(`is a ${LDS}`)
      plane.respond(RDS, { nonce: 'b', resources: [{ name: 'r1', value: new Uint8Array([0xff]) }] })
      expect((await plane.request((r) => r.nonce === 'b')).error?.message).toContain('cannot be read')
      expect(r1.heard).not.toContain('x')
    })

    it('ignores what was not asked for, bad resources among it', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.respond(RDS, {
        nonce: 'extra',
        resources: [
          { name: 'r8', value: bytes('r8', 'eight') },
          { name: 'r9', value: bytes('r9', 'bad') },
        ],
      })
      expect((await plane.request((r) => r.nonce === 'extra')).error).toBeNull()
      expect(client.dump().resources.map((r) => r.name)).toEqual(['r1'])
      plane.respond('type.googleapis.com/other', { nonce: 'other', resources: [] })
      plane.respond(RDS, { nonce: 'after', resources: [{ name: 'r1', value: bytes('r1', 'one') }] })
      await plane.request((r) => r.nonce === 'after')
      expect(plane.requests.some((r) => r.nonce === 'other')).toBe(false)
    })

    it('neither decodes nor delivers again what came with the same bytes', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.respond(RDS, { nonce: 'same', version: 'v2', resources: [{ name: 'r1', value: bytes('r1', 'one') }] })
      await plane.request((r) => r.nonce === 'same')
      expect(r1.heard).toEqual(['one'])
      expect(decoded).toEqual(['r1=one'])
      expect(status('r1')).toMatchObject({ version: 'v2' })
    })

    it('tells of a deleted listener that the old value is void', async () => {
      plane.set(LDS, 'l1', bytes('l1', 'one'))
      plane.set(LDS, 'l2', bytes('l2', 'two'))
      const [l1, l2] = [watch(listeners, 'l1'), watch(listeners, 'l2')]
      await Promise.all([hears(l1, 'one'), hears(l2, 'two')])
      plane.remove(LDS, 'l1')
      await hears(l1, 'one', MISSING)
      expect(status('l1')).toMatchObject({ status: 'DOES_NOT_EXIST', version: '' })
      plane.set(LDS, 'l1', bytes('l1', 'one'))
      await hears(l1, 'one', MISSING, 'one')
      expect(l2.heard).toEqual(['two'])
    })

    it('lets a throwing watcher disturb nobody', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const fail = (): never => {
        throw new Error('fault of the watcher')
      }
      client.watch(routes, 'r1', { onChanged: fail, onError: fail, onAmbientError: fail })
      await hears(watch(routes, 'r1'), 'one')
      await until(() => acks().length === 1)
    })

    it('takes a response of 20 MB', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'x'.repeat(20_000_000)))
      const r1 = watch(routes, 'r1')
      await until(() => r1.heard.length > 0)
      expect(r1.heard[0]?.length).toBe(20_000_000)
    })

    it('knows who the control plane says it is', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      expect(client.controlPlane).toBe('')
      await hears(watch(routes, 'r1'), 'one')
      expect(client.controlPlane).toBe('fake')
    })
  })

  describe('what does not come', () => {
    it('does not exist 15 s after it was asked for, and does when it comes after all', async () => {
      plane.pause()
      const r1 = watch(routes, 'r1')
      await plane.request((r) => r.typeUrl === RDS)
      clock.advance(14_999)
      expect(r1.heard).toEqual([])
      expect(status('r1')?.status).toBe('REQUESTED')
      clock.advance(1)
      expect(r1.heard).toEqual([MISSING])
      expect(status('r1')?.status).toBe('DOES_NOT_EXIST')
      const late = watch(routes, 'r1')
      await hears(late, MISSING)
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      plane.resume()
      await hears(r1, MISSING, 'one')
    })

    it('is not missed while there is no stream', async () => {
      plane.pause()
      const r1 = watch(routes, 'r1')
      await plane.request((r) => r.typeUrl === RDS)
      clock.advance(14_000)
      plane.refuse('away')
      plane.dropStreams()
      for (let i = 0; i < 5; i++) await reconnect()
      await until(() => client.dump().stream === 'backing-off' && clock.pendingTimers > 0)
      expect(r1.heard).not.toContain(MISSING)
      plane.refuse(null)
      await reconnect()
      await plane.request((r) => r.stream > 1)
      clock.advance(14_999)
      expect(r1.heard).not.toContain(MISSING)
      clock.advance(1)
      expect(r1.heard.at(-1)).toBe(MISSING)
    })

    it('is not missed when it is held from an earlier stream', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.pause()
      plane.dropStreams()
      await reconnect()
      await plane.request((r) => r.stream === 2)
      clock.advance(60_000)
      expect(r1.heard).toEqual(['one'])
      expect(clock.pendingTimers).toBe(0)
    })

    it('is missed for each name by itself', async () => {
      plane.pause()
      const r1 = watch(routes, 'r1')
      await plane.request((r) => names(r).includes('r1'))
      clock.advance(10_000)
      const r2 = watch(routes, 'r2')
      await plane.request((r) => names(r).includes('r2'))
      clock.advance(5000)
      expect([r1.heard, r2.heard]).toEqual([[MISSING], []])
      clock.advance(10_000)
      expect(r2.heard).toEqual([MISSING])
    })
  })

  describe('streams that end', () => {
    it('keeps every value and says what is held on the next stream', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      plane.set(LDS, 'l1', bytes('l1', 'two'))
      const [r1, l1] = [watch(routes, 'r1'), watch(listeners, 'l1')]
      await Promise.all([hears(r1, 'one'), hears(l1, 'two')])
      await until(() => acks().length === 2)
      const version = status('r1')?.version
      plane.dropStreams()
      await reconnect()
      const again = await plane.request((r) => r.stream === 2 && r.typeUrl === RDS)
      if (variant === 'sotw') expect(again).toMatchObject({ names: ['r1'], version, nonce: '', error: null })
      else expect(again).toMatchObject({ subscribe: ['r1'], initialVersions: { r1: version }, nonce: '', error: null })
      plane.set(RDS, 'r1', bytes('r1', 'three'))
      await hears(r1, 'one', 'three')
      expect(l1.heard).toEqual(['two'])
      expect(client.stats.reconnects).toBe(1)
    })

    it('asks for everything anew when a name was added while there was no stream', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      plane.set(RDS, 'r2', bytes('r2', 'two'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.dropStreams()
      await until(() => client.dump().stream === 'backing-off')
      const r2 = watch(routes, 'r2')
      await reconnect()
      const again = await plane.request((r) => r.stream === 2)
      expect(again).toMatchObject(
        variant === 'sotw' ? { names: ['r1', 'r2'], version: '' } : { subscribe: ['r1', 'r2'] },
      )
      if (variant === 'delta') expect(Object.keys(again.initialVersions)).toEqual(['r1'])
      await hears(r2, 'two')
      expect(r1.heard).toEqual(['one'])
    })

    it('learns of a listener that was deleted meanwhile', async () => {
      plane.set(LDS, 'l1', bytes('l1', 'one'))
      const l1 = watch(listeners, 'l1')
      await hears(l1, 'one')
      plane.dropStreams()
      await until(() => client.dump().stream === 'backing-off')
      plane.remove(LDS, 'l1')
      await reconnect()
      await hears(l1, 'one', MISSING)
    })

    it('takes the end of a stream that had answered for nothing special, an error status included', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      for (const gone of [0, 14]) {
        plane.set(RDS, 'r1', bytes('r1', `with ${gone}`))
        await until(() => r1.heard.at(-1) === `with ${gone}`)
        plane.dropStreams(gone)
        await reconnect()
        await until(() => client.connected)
      }
      expect(r1.heard).toEqual(['one', 'with 0', 'with 14'])
    })

    it('tells each watcher when a stream ends without an answer, and no value is void for it', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.refuse('in maintenance')
      plane.dropStreams()
      await until(() => client.dump().stream === 'backing-off')
      const r2 = watch(routes, 'r2')
      await reconnect()
      await Promise.all([hears(r1, 'one', UNAVAILABLE), hears(r2, UNAVAILABLE)])
      expect(status('r1')).toMatchObject({ status: 'ACKED' })
      expect(status('r2')).toMatchObject({ status: 'REQUESTED' })
    })

    it('backs off longer after each failure, and starts over after an answer', async () => {
      dice = 0.5
      plane.refuse('away')
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      const waits: number[] = []
      const wait = async () => {
        await until(() => client.dump().stream === 'backing-off' && clock.pendingTimers === 1)
        const from = clock.now()
        while (client.dump().stream === 'backing-off') clock.advance(50)
        waits.push(clock.now() - from)
      }
      for (let i = 0; i < 6; i++) await wait()
      await until(() => client.dump().stream === 'backing-off')
      plane.refuse(null)
      await wait()
      await until(() => r1.heard.at(-1) === 'one')
      plane.dropStreams()
      await wait()
      expect(waits).toEqual([1000, 1750, 2900, 4600, 5000, 5000, 5000, 1000])
    })

    it('gives a stream up on which a message cannot be read, and backs off', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      plane.sendBytes(new Uint8Array([0xff, 0xff, 0xff]))
      await hears(r1, 'one', UNAVAILABLE)
      await plane.until(() => plane.openStreams === 0)
      await reconnect()
      plane.set(RDS, 'r1', bytes('r1', 'two'))
      await hears(r1, 'one', UNAVAILABLE, 'two')
    })

    it('says when a stream stands and when it has gone', async () => {
      const states: boolean[] = []
      const listening = client.onStateChange((connected) => states.push(connected))
      watch(routes, 'r1')
      await until(() => client.connected)
      plane.dropStreams()
      await until(() => !client.connected)
      await reconnect()
      await until(() => client.connected)
      expect(states).toEqual([true, false, true])
      listening.cancel()
      plane.dropStreams()
      await until(() => !client.connected)
      expect(states).toHaveLength(3)
    })

    it('opens no further stream when nothing is watched any more, and one when something is again', async () => {
      const r1 = watch(routes, 'r1')
      await plane.request((r) => r.typeUrl === RDS)
      r1.cancel()
      plane.dropStreams()
      await reconnect()
      expect(client.dump().stream).toBe('idle')
      plane.set(RDS, 'r2', bytes('r2', 'two'))
      await hears(watch(routes, 'r2'), 'two')
      expect(plane.requests.at(-1)?.stream).toBe(2)
    })

    it('survives a control plane that dies and comes back at the same address', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      await hears(r1, 'one')
      const port = Number(plane.address.split(':')[1])
      await plane.close()
      for (let i = 0; i < 3; i++) await reconnect()
      await until(() => client.dump().stream === 'backing-off' && clock.pendingTimers > 0)
      plane = await FakeControlPlane.start({ port })
      plane.set(RDS, 'r1', bytes('r1', 'two'))
      await reconnect()
      await until(() => r1.heard.at(-1) === 'two')
      expect(r1.heard.filter((h) => !h.startsWith('ambient'))).toEqual(['one', 'two'])
    })

    it('says nothing more after close() and ends the stream', async () => {
      plane.set(RDS, 'r1', bytes('r1', 'one'))
      const r1 = watch(routes, 'r1')
      watch(routes, 'r2')
      await hears(r1, 'one')
      client.close()
      client.close()
      await plane.until(() => plane.openStreams === 0)
      expect(clock.pendingTimers).toBe(0)
      expect(client.dump().stream).toBe('closed')
      expect(r1.heard).toEqual(['one'])
      expect(() => watch(routes, 'r1')).toThrow(expect.objectContaining({ code: 'MESH_CLOSED' }))
    })
  })

  if (variant === 'sotw') {
    describe('state of the world', () => {
      it('takes a route configuration that is left out for unchanged', async () => {
        plane.set(RDS, 'r1', bytes('r1', 'one'))
        const r1 = watch(routes, 'r1')
        await hears(r1, 'one')
        plane.respond(RDS, { nonce: 'empty', resources: [] })
        await plane.request((r) => r.nonce === 'empty' && r.error === null)
        expect(r1.heard).toEqual(['one'])
      })

      it('takes a listener that is left out for deleted, but not one that has never come', async () => {
        plane.set(LDS, 'l1', bytes('l1', 'one'))
        const [l1, l2] = [watch(listeners, 'l1'), watch(listeners, 'l2')]
        await hears(l1, 'one')
        plane.respond(LDS, { resources: [] })
        await hears(l1, 'one', MISSING)
        expect(l2.heard).toEqual([])
        clock.advance(15_000)
        expect(l2.heard).toEqual([MISSING])
      })

      it('takes no listener for deleted when one in the response cannot be named', async () => {
        plane.set(LDS, 'l1', bytes('l1', 'one'))
        const l1 = watch(listeners, 'l1')
        await hears(l1, 'one')
        plane.respond(LDS, { nonce: 'n', resources: [{ name: '', value: new Uint8Array([0xff]) }] })
        expect((await plane.request((r) => r.nonce === 'n')).error?.message).toContain('without a name')
        expect(l1.heard).toEqual(['one'])
      })

      it('does not void a rejected listener that is in the response', async () => {
        plane.set(LDS, 'l1', bytes('l1', 'one'))
        const l1 = watch(listeners, 'l1')
        await hears(l1, 'one')
        plane.set(LDS, 'l1', bytes('l1', 'bad'))
        await hears(l1, 'one', `ambient ${INVALID}`)
      })

      it('keeps the last listener subscribed and current after its last watcher left', async () => {
        plane.set(LDS, 'l1', bytes('l1', 'one'))
        const first = watch(listeners, 'l1')
        await hears(first, 'one')
        first.cancel()
        plane.set(LDS, 'l1', bytes('l1', 'two'))
        await until(() => acks().length === 2)
        expect(acks()[1]?.names).toEqual(['l1'])
        const second = watch(listeners, 'l1')
        await hears(second, 'two')
        second.cancel()
        plane.set(LDS, 'l2', bytes('l2', 'other'))
        await hears(watch(listeners, 'l2'), 'other')
        expect(plane.requests.filter((r) => r.names.join() === 'l2').length).toBeGreaterThan(0)
        expect(status('l1')).toBeUndefined()
      })

      it('unsubscribes the last route configuration with an empty list', async () => {
        plane.set(RDS, 'r1', bytes('r1', 'one'))
        const r1 = watch(routes, 'r1')
        await hears(r1, 'one')
        await until(() => acks().length === 1)
        r1.cancel()
        await until(() => plane.requests.length === 3)
        expect(plane.requests[2]).toMatchObject({ names: [], nonce: acks()[0]?.nonce, error: null })
      })
    })
  } else {
    describe('delta', () => {
      it('knows at once of a resource that the server says does not exist', async () => {
        const r1 = watch(routes, 'r1')
        await hears(r1, MISSING)
        expect(clock.pendingTimers).toBe(0)
        plane.set(RDS, 'r1', bytes('r1', 'one'))
        await hears(r1, MISSING, 'one')
      })

      it('takes what is not in a response for unchanged, listeners too', async () => {
        plane.set(LDS, 'l1', bytes('l1', 'one'))
        const l1 = watch(listeners, 'l1')
        await hears(l1, 'one')
        plane.respond(LDS, { nonce: 'empty', resources: [] })
        await plane.request((r) => r.nonce === 'empty' && r.error === null)
        expect(l1.heard).toEqual(['one'])
      })

      it('rejects a resource whose name differs from the name inside', async () => {
        const r1 = watch(routes, 'r1')
        await hears(r1, MISSING)
        plane.respond(RDS, { nonce: 'n', resources: [{ name: 'r1', value: bytes('r2', 'x') }] })
        expect((await plane.request((r) => r.nonce === 'n')).error?.message).toContain('is named "r2" inside')
      })
    })
  }
})
