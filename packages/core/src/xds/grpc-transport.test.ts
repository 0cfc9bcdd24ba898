import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../runtime/clock.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { FakeControlPlane } from '../testing/fake-control-plane.ts'
import { writeDeltaRequest, writeSotwRequest } from './discovery-messages.ts'
import { GrpcTransport, isXdsAddress } from './grpc-transport.ts'
import type { StreamEvents } from './transport.ts'

const LDS = 'type.googleapis.com/envoy.config.listener.v3.Listener'
const deltaRequest = writeDeltaRequest({
  node: null,
  typeUrl: LDS,
  subscribe: ['l1'],
  unsubscribe: [],
  initialVersions: [],
  nonce: '',
  error: null,
})
const request = writeSotwRequest({ node: null, typeUrl: LDS, names: ['l1'], version: '', nonce: '', error: null })

/** Writes down the events of a stream. */
function record() {
  const seen: string[] = []
  const events: StreamEvents = {
    onConnected: () => seen.push('connected'),
    onMessage: (message) => seen.push(`message of ${message.byteLength > 0 ? 'some' : 'no'} bytes`),
    onEnd: (status, details) => seen.push(`end ${status} ${details}`),
  }
  const has = (part: string) =>
    vi.waitFor(() => expect(seen.join('\n')).toContain(part), { interval: 1, timeout: 10_000 })
  return { seen, events, has }
}

describe('xDS addresses', () => {
  it.each([
    'unix:///run/inmesh/xds.sock',
    'localhost:15010',
    '127.0.0.1:1',
    '[::1]:65535',
    'istiod.istio-system.svc:15010',
  ])('%s is one', (address) => expect(isXdsAddress(address)).toBe(true))

  it.each(['', 'unix:/run/x', 'unix://', 'localhost', ':15010', 'http://a:1', '::1:80', 'a:65536', 'a b:1', 'a:1/x'])(
    '%j is none',
    (address) => {
      expect(isXdsAddress(address)).toBe(false)
      expect(() => new GrpcTransport({ address, clock: systemClock })).toThrow(
        expect.objectContaining({ code: 'MESH_OPTION_INVALID' }),
      )
    },
  )
})

describe('the gRPC transport', () => {
  let folder: string
  let plane: FakeControlPlane
  let transport: GrpcTransport

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'inmesh-'))
    plane = await FakeControlPlane.start({ unixPath: join(folder, 'xds.sock') })
    transport = new GrpcTransport({ address: plane.address, clock: systemClock })
  })

  afterEach(async () => {
    transport.close()
    await plane.close()
    rmSync(folder, { recursive: true })
  })

  it.each(['StreamAggregatedResources', 'DeltaAggregatedResources'] as const)(
    'carries %s over a unix socket',
    async (method) => {
      const { seen, events, has } = record()
      const stream = transport.open(method, events)
      expect(seen).toEqual([])
      await has('connected')
      const delta = method === 'DeltaAggregatedResources'
      stream.send(delta ? deltaRequest : request)
      await plane.request((r) => r.typeUrl === LDS && r.variant === (delta ? 'delta' : 'sotw'))
      plane.respond(LDS, { resources: [] })
      await has('message of some bytes')
      expect(seen[0]).toBe('connected')
    },
  )

  it('sends what was given before the connection stood', async () => {
    const stream = transport.open('StreamAggregatedResources', record().events)
    stream.send(request)
    expect((await plane.request((r) => r.typeUrl === LDS)).names).toEqual(['l1'])
  })

  it.each([
    [0, 'end 0'],
    [7, 'end 7 not you'],
  ])('tells the end that the server gives a stream, status %d', async (status, expected) => {
    const { events, has } = record()
    transport.open('StreamAggregatedResources', events)
    await plane.until(() => plane.openStreams === 1)
    plane.dropStreams(status, 'not you')
    await has(expected)
  })

  it('tells once that the control plane has died', async () => {
    const { seen, events, has } = record()
    transport.open('StreamAggregatedResources', events)
    await plane.until(() => plane.openStreams === 1)
    await plane.close()
    await has('end ')
    expect(seen.filter((s) => s.startsWith('end'))).toHaveLength(1)
  })

  it('tells nothing after end(), and the server sees the stream go', async () => {
    const { seen, events, has } = record()
    const stream = transport.open('StreamAggregatedResources', events)
    await has('connected')
    await plane.until(() => plane.openStreams === 1)
    stream.end()
    stream.end()
    stream.send(request)
    await plane.until(() => plane.openStreams === 0)
    expect(seen).toEqual(['connected'])
  })

  it('tells nothing of a stream that was ended before the connection stood', async () => {
    const { seen, events } = record()
    transport.open('StreamAggregatedResources', events).end()
    const other = record()
    transport.open('StreamAggregatedResources', other.events)
    await other.has('connected')
    expect(seen).toEqual([])
  })

  it('ends with UNAVAILABLE when nobody listens, each time anew', async () => {
    const nobody = new GrpcTransport({ address: `unix://${folder}/nobody.sock`, clock: systemClock })
    for (let i = 0; i < 3; i++) {
      const { events, has } = record()
      nobody.open('StreamAggregatedResources', events)
      await has('end 14')
    }
  })

  it('ends with UNAVAILABLE when no connection comes to stand within 20 s', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const clock = new FakeClock()
    const slow = new GrpcTransport({ address: `127.0.0.1:${(silent.address() as AddressInfo).port}`, clock })
    const { seen, events, has } = record()
    slow.open('StreamAggregatedResources', events)
    await once(silent, 'connection')
    clock.advance(19_999)
    expect(seen).toEqual([])
    clock.advance(1)
    await has('within 20000 ms')
    silent.close()
  })

  it('asks for credentials with each connection', async () => {
    let asked = 0
    const credentials = vi.fn((grpc: typeof import('@grpc/grpc-js')) => {
      asked++
      return grpc.credentials.createInsecure()
    })
    const secured = new GrpcTransport({ address: plane.address, clock: systemClock, credentials })
    for (const expected of [1, 2]) {
      const { events, has } = record()
      const stream = secured.open('StreamAggregatedResources', events)
      await has('connected')
      expect(asked).toBe(expected)
      stream.end()
    }
  })

  it('reports credentials that cannot be made as an end of the stream', async () => {
    const fail = (): never => {
      throw new Error('no certificate yet')
    }
    const { events, has } = record()
    new GrpcTransport({ address: plane.address, clock: systemClock, credentials: fail }).open(
      'DeltaAggregatedResources',
      events,
    )
    await has('end 14 no certificate yet')
  })

  it.each([
    [false, 'lets the process end while a stream is open that nobody waits for'],
    [true, 'keeps the process alive while somebody waits'],
  ])(
    'hold(%s) %s',
    async (held) => {
      const program = `
      const { GrpcTransport } = await import(${JSON.stringify(new URL('./grpc-transport.ts', import.meta.url).href)})
      const { systemClock } = await import(${JSON.stringify(new URL('../runtime/clock.ts', import.meta.url).href)})
      const stream = new GrpcTransport({ address: ${JSON.stringify(plane.address)}, clock: systemClock }).open('StreamAggregatedResources', {
        onConnected() { console.log('connected'); stream.hold(false); stream.hold(${held}) },
        onMessage() { console.log('message'); stream.hold(false) },
        onEnd(...a) { console.log('end', ...a) },
      })
      stream.send(Buffer.from('${Buffer.from(request).toString('hex')}', 'hex'))`
      plane.pause()
      const child = spawn(process.execPath, ['--input-type=module', '--no-warnings', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let output = ''
      child.stdout.on('data', (data: Buffer) => {
        output += data.toString()
      })
      const exit = once(child, 'exit')
      if (held) {
        await plane.request((r) => r.typeUrl === LDS)
        await vi.waitFor(() => expect(output).toContain('connected'), { interval: 5, timeout: 10_000 })
        // A turn of the child's event loop lies between its output and this; it still lives, since the message reaches it.
        plane.respond(LDS, { resources: [] })
      }
      expect(await exit).toEqual([0, null])
      expect(output).toBe(held ? 'connected\nmessage\n' : 'connected\n')
    },
    20_000,
  )
})
