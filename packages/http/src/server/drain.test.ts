import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { FakeClock } from '@inmesh/core/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { RawClient } from '../../../../test/fixtures/raw-client.ts'
import { ScriptedMesh } from '../../../../test/fixtures/scripted-inbound-mesh.ts'
import { drain } from './drain.ts'
import { type MeshServer, meshServer } from './server.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const open: http.Server[] = []

afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

async function start(app: http.RequestListener) {
  const clock = new FakeClock()
  const mesh = new ScriptedMesh(clock)
  const servers = new Set<MeshServer>()
  const server = meshServer(mesh, http.createServer(app), { servers })
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { clock, mesh, servers, server, connect: () => RawClient.connect(port), port }
}

/** Whether a promise has settled by now. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

describe('draining', () => {
  test('tells the control plane first, and closes idle connections after the notice', async () => {
    const { clock, mesh, servers, connect, port } = await start((_req, res) => res.end('hello'))
    const client = await connect()
    client.send(GET)
    await client.until('hello')
    await mesh.until(() => mesh.completions.length === 1)
    const drained = drain(servers, clock, { noticeMs: 1_000, deadlineMs: 5_000 })
    expect(mesh.released).toEqual([{ address: '127.0.0.1', port }])
    clock.advance(999)
    expect(await settled(drained)).toBe(false)
    expect(client.ended).toBe(false)
    clock.advance(1)
    await client.untilEnd()
    await drained
  })

  test('answers what still comes with Connection: close, and looks up nothing anew', async () => {
    const { clock, mesh, servers, connect } = await start((_req, res) => res.end('hello'))
    const kept = await connect()
    kept.send(GET)
    await kept.until('hello')
    const drained = drain(servers, clock)
    const lookUps = mesh.listening.length
    kept.send(GET)
    expect((await kept.untilEnd()).toLowerCase()).toContain('connection: close')
    const late = await connect()
    late.send(GET)
    expect((await late.untilEnd()).toLowerCase()).toContain('connection: close')
    expect(mesh.listening).toHaveLength(lookUps)
    clock.advance(1_000)
    await drained
  })

  test('waits for requests under way', async () => {
    const asked = Promise.withResolvers<http.ServerResponse>()
    const { clock, servers, connect } = await start((_req, res) => asked.resolve(res))
    const client = await connect()
    client.send(GET)
    const res = await asked.promise
    const drained = drain(servers, clock, { noticeMs: 100, deadlineMs: 5_000 })
    clock.advance(2_000)
    expect(await settled(drained)).toBe(false)
    res.end('late')
    expect(await client.untilEnd()).toContain('late')
    clock.advance(100)
    await drained
  })

  test('ends at the deadline, and leaves the application what is under way', async () => {
    const asked = Promise.withResolvers<http.ServerResponse>()
    const { clock, servers, connect } = await start((_req, res) => asked.resolve(res))
    const client = await connect()
    client.send(GET)
    const res = await asked.promise
    const drained = drain(servers, clock, { deadlineMs: 5_000 })
    clock.advance(4_999)
    expect(await settled(drained)).toBe(false)
    clock.advance(1)
    await drained
    res.end('after all')
    await client.until('after all')
  })

  test('has nothing to wait for without a server', async () => {
    await drain([], new FakeClock())
  })

  test('forgets a server that is closed', async () => {
    const { servers, server } = await start((_req, res) => res.end())
    expect(servers.size).toBe(1)
    server.close()
    await once(server, 'close')
    open.length = 0
    expect(servers.size).toBe(0)
  })
})
