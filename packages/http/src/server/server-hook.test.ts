import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { RawClient } from '../../../../test/fixtures/raw-client.ts'
import { ScriptedMesh } from '../../../../test/fixtures/scripted-inbound-mesh.ts'
import { OWN_SERVER } from '../process-mesh.ts'
import { installServerHook, type ServerHook } from './server-hook.ts'
import { meshServer } from './server.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'
const cleanups: (() => void | Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Installs the hook; what it finds waits for `loaded`. */
function install(mesh: ScriptedMesh, passes = false) {
  const found: net.Server[] = []
  const problems: unknown[] = []
  const loaded = Promise.withResolvers<(server: http.Server) => void>()
  const hook: ServerHook = {
    admits: ({ address }) => address !== '127.0.0.9',
    load: () => loaded.promise,
    failed: (error) => {
      problems.push(error)
      return passes
    },
  }
  const installed = installServerHook(hook)
  cleanups.push(() => installed.cancel())
  const succeed = (): void =>
    loaded.resolve((server) => {
      found.push(server)
      meshServer(mesh, server)
    })
  return { found, problems, succeed, fail: (error: Error) => loaded.reject(error) }
}

async function listen<S extends net.Server>(server: S, host = '127.0.0.1'): Promise<{ server: S; port: number }> {
  server.listen(0, host)
  await once(server, 'listening')
  cleanups.push(async () => {
    if (server instanceof http.Server) server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })
  return { server, port: (server.address() as net.AddressInfo).port }
}

const app = (): http.Server => http.createServer((_req, res) => res.end('hello'))

describe('a server that starts to listen', () => {
  test('is meshed, and connections that come before that are held and lose nothing', async () => {
    const mesh = new ScriptedMesh()
    const { found, succeed } = install(mesh)
    const { server, port } = await listen(app())
    const early = await RawClient.connect(port)
    early.send(GET)
    await new Promise(setImmediate)
    expect(early.text).toBe('')
    succeed()
    expect(await early.untilEnd()).toContain('hello')
    const later = await RawClient.connect(port)
    later.send(GET)
    expect(await later.untilEnd()).toContain('hello')
    expect(found).toEqual([server])
    await mesh.until(() => mesh.completions.length === 2)
  })

  test('whose held connection is reset meanwhile comes to no harm', async () => {
    const mesh = new ScriptedMesh()
    const { succeed } = install(mesh)
    const { server, port } = await listen(app())
    const accepted = new Promise((resolve) => {
      const count = (): void => {
        server.getConnections((_error, n) => (n === 1 ? resolve(null) : setImmediate(count)))
      }
      count()
    })
    const client = await RawClient.connect(port)
    await accepted
    client.reset()
    await new Promise((resolve) => {
      const count = (): void => {
        server.getConnections((_error, n) => (n === 0 ? resolve(null) : setImmediate(count)))
      }
      count()
    })
    succeed()
    await new Promise(setImmediate)
    expect(mesh.connections).toEqual([])
  })

  test('and closes again before the mesh is there lets nobody in', async () => {
    const mesh = new ScriptedMesh()
    const { succeed } = install(mesh)
    const server = app()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = await RawClient.connect((server.address() as net.AddressInfo).port)
    client.send(GET)
    await new Promise(setImmediate)
    server.close()
    succeed()
    expect(await client.untilEnd()).toBe('')
    expect(mesh.connections).toEqual([])
  })

  test.each<[string, () => Promise<unknown>]>([
    ['is no http.Server', () => listen(net.createServer())],
    ['has an address that is not the mesh’s', () => listen(app(), '127.0.0.9')],
    ['is the mesh’s own', () => listen(Object.assign(app(), { [OWN_SERVER]: true }))],
    [
      'listens on a unix socket',
      async () => {
        const server = app().listen(join(tmpdir(), `inmesh-hook-${process.pid}.sock`))
        await once(server, 'listening')
        server.close()
        await once(server, 'close')
      },
    ],
  ])('passes when it %s', async (_, start) => {
    const { found, succeed } = install(new ScriptedMesh())
    succeed()
    await start()
    await new Promise(setImmediate)
    expect(found).toEqual([])
  })

  test.each([
    ['refuses connections', false, ''],
    ['passes connections where that is asked for', true, 'hello'],
  ])('%s when the mesh cannot be loaded', async (_, passes, text) => {
    const { problems, fail } = install(new ScriptedMesh(), passes)
    const { port } = await listen(app())
    const early = await RawClient.connect(port)
    early.send(GET)
    fail(new Error('broken'))
    expect((await early.untilEnd()).endsWith(`${text}`)).toBe(true)
    const late = await RawClient.connect(port)
    late.send(GET)
    expect((await late.untilEnd()).includes('hello')).toBe(passes)
    expect(problems).toEqual([new Error('broken')])
  })

  test('keeps an emit of its own', async () => {
    const mesh = new ScriptedMesh()
    const { succeed } = install(mesh)
    const server = app()
    const seen: string[] = []
    const { emit } = server as unknown as { emit: (...args: unknown[]) => boolean }
    Object.assign(server, {
      emit(...args: unknown[]) {
        seen.push(args[0] as string)
        return Reflect.apply(emit, server, args) as boolean
      },
    })
    const { port } = await listen(server)
    succeed()
    const client = await RawClient.connect(port)
    client.send(GET)
    expect(await client.untilEnd()).toContain('hello')
    expect(seen).toEqual(['listening', 'connection', 'request'])
  })
})
