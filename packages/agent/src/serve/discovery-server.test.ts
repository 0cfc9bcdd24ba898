// The discovery server on real sockets, with our own xDS client at the other end, in both variants of the protocol.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { create, toBinary } from '@bufbuild/protobuf'
import { silentLogger, systemClock } from '@inmesh/core'
import { DiscoveryRequestSchema } from '@inmesh/core/gen/envoy/service/discovery/v3/discovery_pb.ts'
import { seededRandom } from '@inmesh/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GrpcTransport } from '../../../core/src/xds/grpc-transport.ts'
import { buildNode } from '../../../core/src/xds/node.ts'
import type { ResourceType } from '../../../core/src/xds/resource-type.ts'
import { XdsClient } from '../../../core/src/xds/xds-client.ts'
import type { Proxy } from '../model/proxy.ts'
import { createPushContext } from '../model/push-context.ts'
import { TYPE_URL, type TranslatedResource } from '../translate/resource.ts'
import { DiscoveryServer } from './discovery-server.ts'
import type { Generator } from './generator.ts'
import { NO_STATISTICS } from './serve-statistics.ts'

const text = (value: Uint8Array): string => Buffer.from(value).toString()

/** Clusters whose content is a word; `bad` is refused by the client. */
const clusterType: ResourceType<string> = {
  typeUrl: TYPE_URL.cluster,
  shortName: 'Cluster',
  fullState: true,
  decode(bytes) {
    const [name, content] = text(bytes).split('=') as [string, string]
    return content === 'bad'
      ? { ok: false, name, errors: ['content is bad'] }
      : { ok: true, name, resource: content, warnings: [] }
  },
}

class WordGenerator implements Generator {
  readonly words = new Map<string, string>()

  generate(_typeUrl: string, names: readonly string[]): readonly TranslatedResource[] {
    return names.flatMap((name) => {
      const word = this.words.get(name)
      return word === undefined ? [] : [{ name, version: word, value: Buffer.from(`${name}=${word}`) }]
    })
  }
}

const folder = mkdtempSync(join(tmpdir(), 'inmesh-discovery-'))
const socketPath = join(folder, 'xds.sock')
let server: DiscoveryServer
let generator: WordGenerator
let address: string
const connected: Proxy[] = []
const warnings: string[] = []
let disconnected = 0
let responses = 0
const closers: (() => void | Promise<void>)[] = []

const push = (): void => server.push(createPushContext([], [], null))

beforeEach(async () => {
  connected.length = 0
  warnings.length = 0
  disconnected = 0
  responses = 0
  generator = new WordGenerator()
  generator.words.set('a', '1')
  server = new DiscoveryServer({
    clock: systemClock,
    log: { ...silentLogger, warn: (message, fields) => warnings.push(`${message} ${JSON.stringify(fields)}`) },
    generatorFor: () => generator,
    statistics: { ...NO_STATISTICS, response: () => responses++ },
    onConnected: (_stream, proxy) => connected.push(proxy),
    onDisconnected: () => disconnected++,
  })
  push()
  address = await server.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 })
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await server.close()
  rmSync(socketPath, { force: true })
})

interface Watched {
  value: string | null
  error: string | null
  ambient: string[]
}

function client(
  variant: 'sotw' | 'delta',
  to: string = address,
): { client: XdsClient; watch: (name: string) => Watched & { cancel(): void } } {
  const transport = new GrpcTransport({ address: to, clock: systemClock })
  const node = buildNode({
    name: 'caller',
    namespace: 'shop',
    labels: {},
    serviceAccount: 'default',
    ips: ['127.0.0.1'],
    trustDomain: 'cluster.local',
    clusterId: 'Kubernetes',
    group: null,
    metadata: {},
  })
  const xds = new XdsClient({
    transport,
    node,
    variant,
    clock: systemClock,
    random: seededRandom(1),
    log: silentLogger,
  })
  closers.push(() => xds.close())
  return {
    client: xds,
    watch: (name) => {
      const seen: Watched & { cancel(): void } = {
        value: null,
        error: null,
        ambient: [],
        cancel: () => subscription.cancel(),
      }
      const subscription = xds.watch(clusterType, name, {
        onChanged: (resource) => {
          seen.value = resource
          seen.error = null
        },
        onError: (error) => {
          seen.value = null
          seen.error = error.message
        },
        onAmbientError: (error) => seen.ambient.push(error.message),
      })
      return seen
    },
  }
}

describe.each(['sotw', 'delta'] as const)('%s', (variant) => {
  test('serves what is asked for, and a change of it at once', async () => {
    const a = client(variant).watch('a')
    await expect.poll(() => a.value).toBe('1')
    expect(connected).toMatchObject([{ name: 'caller', namespace: 'shop', generator: 'inmesh' }])
    generator.words.set('a', '2')
    push()
    await expect.poll(() => a.value).toBe('2')
    await expect.poll(() => [...server.streams][0]?.subscriptions.get(TYPE_URL.cluster)?.synced).toBe(true)
  })

  test('a resource that comes into being later is sent then', async () => {
    const { watch } = client(variant)
    const [a, b] = [watch('a'), watch('b')]
    await expect.poll(() => a.value).toBe('1')
    expect(b.value).toBeNull()
    generator.words.set('b', 'new')
    push()
    await expect.poll(() => b.value).toBe('new')
    expect(a.value).toBe('1')
  })

  test('a resource that vanishes is taken away', async () => {
    generator.words.set('b', '1')
    const { watch } = client(variant)
    const [a, b] = [watch('a'), watch('b')]
    await expect.poll(() => [a.value, b.value]).toEqual(['1', '1'])
    generator.words.delete('b')
    push()
    await expect.poll(() => b.error ?? b.ambient[0] ?? null).not.toBeNull()
    expect(a.value).toBe('1')
  })

  test('a NACK is kept with its reason, and the next good version is sent', async () => {
    const a = client(variant).watch('a')
    await expect.poll(() => a.value).toBe('1')
    generator.words.set('a', 'bad')
    push()
    await expect
      .poll(() => [...server.streams][0]?.subscriptions.get(TYPE_URL.cluster)?.error)
      .toContain('content is bad')
    expect(a.value).toBe('1')
    expect(warnings.join()).toContain('content is bad')
    generator.words.set('a', '3')
    push()
    await expect.poll(() => a.value).toBe('3')
    await expect.poll(() => [...server.streams][0]?.subscriptions.get(TYPE_URL.cluster)?.synced).toBe(true)
  })

  test('a client that comes back is brought up to date', async () => {
    const a = client(variant).watch('a')
    await expect.poll(() => a.value).toBe('1')
    generator.words.set('a', '2')
    for (const stream of server.streams) stream.end()
    await expect.poll(() => a.value, { timeout: 5_000 }).toBe('2')
    expect(disconnected).toBe(1)
  })
})

test('a unix socket serves its user alone, and is gone with the server', async () => {
  const unix = await server.listen({ kind: 'unix', path: socketPath })
  expect(unix).toBe(`unix://${socketPath}`)
  expect(statSync(socketPath).mode & 0o777).toBe(0o600)
  const a = client('delta', unix).watch('a')
  await expect.poll(() => a.value).toBe('1')
  await server.close()
  expect(existsSync(socketPath)).toBe(false)
})

/** A raw stream: what our own client would never send. */
function rawStream(to: string = address): {
  call: grpc.ClientDuplexStream<Uint8Array, Buffer>
  ended: Promise<grpc.ServiceError>
} {
  const raw = new grpc.Client(to, grpc.credentials.createInsecure())
  closers.push(() => raw.close())
  const path = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources'
  const call = raw.makeBidiStreamRequest(
    path,
    (bytes: Uint8Array) => Buffer.from(bytes),
    (bytes) => bytes,
  )
  return { call, ended: new Promise((resolve) => call.once('error', (error) => resolve(error as grpc.ServiceError))) }
}

test('a client that does not say who it is, or lies about its form, is refused with the reason', async () => {
  for (const [node, reason] of [
    [undefined, /must carry the node/],
    [{ id: 'me' }, /must have the form/],
  ] as const) {
    const { call, ended } = rawStream()
    call.write(
      toBinary(
        DiscoveryRequestSchema,
        create(DiscoveryRequestSchema, { typeUrl: TYPE_URL.cluster, ...(node === undefined ? {} : { node }) }),
      ),
    )
    const error = await ended
    expect(error.code).toBe(grpc.status.INVALID_ARGUMENT)
    expect(error.details).toMatch(reason)
  }
})

test('bytes that are no request end that stream and no other', async () => {
  const a = client('sotw').watch('a')
  await expect.poll(() => a.value).toBe('1')
  const { call, ended } = rawStream()
  call.write(Buffer.from([0xff, 0xff, 0xff]))
  expect((await ended).code).toBe(grpc.status.INTERNAL)
  generator.words.set('a', '2')
  push()
  await expect.poll(() => a.value).toBe('2')
})

test('a client that stops to read holds nobody up, and is owed only the latest state', async () => {
  const stalled = await stallingRelay(Number(address.split(':').at(-1)))
  const { call } = rawStream(stalled.address)
  generator.words.set('a', 'x'.repeat(300_000))
  const node = { id: 'sidecar~127.0.0.1~slow.shop~d' }
  call.write(
    toBinary(
      DiscoveryRequestSchema,
      create(DiscoveryRequestSchema, { node, typeUrl: TYPE_URL.cluster, resourceNames: ['a'] }),
    ),
  )
  await expect.poll(() => connected.some(({ name }) => name === 'slow')).toBe(true)
  stalled.stall()
  const a = client('sotw').watch('a')
  for (let i = 0; i < 60; i++) {
    generator.words.set('a', String(i).padEnd(300_000, 'x'))
    push()
    await expect.poll(() => a.value?.startsWith(`${i}x`), { interval: 5 }).toBe(true)
  }
  // 61 for the one that reads, and for the other as many as buffers on the way hold.
  expect(responses).toBeLessThan(61 + 40)
})

/** A TCP relay in front of the server that stops to read from it when told to. */
async function stallingRelay(port: number): Promise<{ address: string; stall(): void }> {
  const sockets: Socket[] = []
  const relay = createServer((downstream) => {
    const upstream = connect(port, '127.0.0.1')
    sockets.push(upstream, downstream)
    for (const socket of [upstream, downstream]) socket.on('error', () => {})
    upstream.on('data', (chunk: Buffer) => downstream.write(chunk))
    downstream.on('data', (chunk: Buffer) => upstream.write(chunk))
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    relay.close()
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(relay.address() as AddressInfo).port}`,
    stall: () => {
      for (const socket of sockets) socket.pause()
    },
  }
}
