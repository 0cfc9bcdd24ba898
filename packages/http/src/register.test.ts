// Register in processes of their own, as an application would be started with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import http from 'node:http'
import type net from 'node:net'
import { join } from 'node:path'
import { FakeControlPlane } from '@inmesh/core/testing'
import { afterEach, describe, expect, test } from 'vitest'
import { apiListener, edsCluster, inboundListener, loadAssignment } from '../../core/src/testing/resource-builders.ts'

const LISTENER = 'type.googleapis.com/envoy.config.listener.v3.Listener'
const packageFolder = join(import.meta.dirname, '..')
const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Env = Readonly<Record<string, string>>

/** Runs an ES module under register and waits for its end. */
function run(
  code: string,
  env: Env = {},
  how: readonly string[] = ['--import', '@inmesh/http/register'],
): Promise<Ended> {
  return start(code, env, how).ended
}

function start(code: string, env: Env = {}, how: readonly string[] = ['--import', '@inmesh/http/register']) {
  const args = ['--conditions=inmesh-source', ...how, '--input-type=module', '-e', code]
  const child = spawn(process.execPath, args, {
    cwd: packageFolder,
    env: { PATH: process.env['PATH'] ?? '', NODE_NO_WARNINGS: '1', ...env },
  })
  cleanups.push(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  const lines: (() => void)[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const wake of lines.splice(0)) wake()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(([status]) => ({ code: status as number | null, stdout, stderr }))
  const until = async (part: string): Promise<string> => {
    while (!stdout.includes(part)) {
      await Promise.race([new Promise<void>((resolve) => lines.push(resolve)), ended])
      if (child.exitCode !== null && !stdout.includes(part))
        throw new Error(`ended without "${part}": ${stdout}${stderr}`)
    }
    return stdout
  }
  return { child, ended, until }
}

async function controlPlane(): Promise<FakeControlPlane> {
  const plane = await FakeControlPlane.start()
  cleanups.push(() => plane.close())
  return plane
}

/** `http://reviews:9080` with one endpoint. */
function serveReviews(plane: FakeControlPlane, port: number): void {
  const name = 'outbound|9080||reviews'
  const routes = { virtualHosts: [{ domains: ['*'], routes: [{ cluster: name }] }] }
  for (const resource of [
    apiListener({ name: 'reviews:9080', routes }),
    edsCluster({ name }),
    loadAssignment({ cluster: name, endpoints: [{ address: '127.0.0.1', port }] }),
  ]) {
    plane.set(resource.typeUrl, resource.name, resource.value)
  }
}

async function reviews(): Promise<{ port: number; seen: http.IncomingHttpHeaders[] }> {
  const seen: http.IncomingHttpHeaders[] = []
  const server = http.createServer((req, res) => {
    seen.push(req.headers)
    res.end('a review')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as net.AddressInfo).port, seen }
}

const IDLE = `
  const loaded = process.moduleLoadList.filter((name) => / (http|net|tls|internal.deps.undici.undici)$/.test(name))
  console.log(JSON.stringify({ handles: process.getActiveResourcesInfo(), loaded }))`

describe('register in a process that neither listens nor calls', () => {
  test.each([
    ['--import', '@inmesh/http/register'],
    ['--require', '@inmesh/http/register'],
    ['--require', join(packageFolder, 'src', 'register.cjs')],
  ])('leaves no handle, loads no network and lets the process end (%s %s)', async (...how) => {
    const without = await run(IDLE, {}, [])
    const ended = await run(IDLE, {}, how)
    expect(ended).toEqual({ code: 0, stdout: without.stdout, stderr: '' })
  })

  test('leaves exceptions, exit codes and signals to the application', async () => {
    expect(await run('throw new Error("own")')).toMatchObject({ code: 1, stderr: expect.stringContaining('own') })
    expect(await run('process.exitCode = 7')).toMatchObject({ code: 7, stderr: '' })
    const waiting = start('setInterval(() => {}, 1000); console.log(process.listenerCount("SIGTERM"))')
    expect(await waiting.until('\n')).toBe('0\n')
    waiting.child.kill('SIGTERM')
    await waiting.ended
    expect(waiting.child.signalCode).toBe('SIGTERM')
  })

  test.each<[string, Env, string[]]>([
    ['INMESH_DISABLED=1', { INMESH_DISABLED: '1' }, []],
    ['npm', {}, ['/usr/lib/node_modules/npm/bin/npm-cli.js']],
  ])('does nothing for %s', async (_, env, args) => {
    const code = `console.log(globalThis[Symbol.for('inmesh.register')] === undefined)`
    const how = ['--import', `data:text/javascript,process.argv[1]=${JSON.stringify(args[0] ?? '')}`]
    const ended = await run(code, env, [...how, '--import', '@inmesh/http/register'])
    expect(ended).toEqual({ code: 0, stdout: 'true\n', stderr: '' })
  })

  test('works when it is asked for twice, in both ways', async () => {
    const ended = await run('console.log("once")', {}, [
      '--require',
      '@inmesh/http/register',
      '--import',
      '@inmesh/http/register',
    ])
    expect(ended).toEqual({ code: 0, stdout: 'once\n', stderr: '' })
  })

  test('is in worker threads too', async () => {
    const ended = await run(`
      import { Worker } from 'node:worker_threads'
      new Worker('console.log(typeof globalThis[Symbol.for("inmesh.register")])', { eval: true })`)
    expect(ended).toEqual({ code: 0, stdout: 'object\n', stderr: '' })
  })
})

test('register.cjs says in one line that an old Node is too old', () => {
  const lines: string[] = []
  const write = Object.getOwnPropertyDescriptor(process.stderr, 'write')
  const version = Object.getOwnPropertyDescriptor(process.versions, 'node') as PropertyDescriptor
  Object.defineProperty(process.versions, 'node', { ...version, value: '20.20.2' })
  process.stderr.write = ((line: string) => lines.push(line)) as never
  try {
    createRequire(import.meta.url)('./register.cjs')
  } finally {
    if (write === undefined) Reflect.deleteProperty(process.stderr, 'write')
    else Object.defineProperty(process.stderr, 'write', write)
    Object.defineProperty(process.versions, 'node', version)
  }
  expect(lines).toEqual(['inmesh warn not active: Node 20.20.2 is older than 22.19\n'])
})

describe('register in a process that calls', () => {
  const FETCH = `
    const response = await fetch('http://reviews:9080/')
    console.log(response.status, await response.text())`

  test('meshes global fetch, and the process ends by itself', async () => {
    const plane = await controlPlane()
    const upstream = await reviews()
    serveReviews(plane, upstream.port)
    const ended = await run(FETCH, { INMESH_XDS: plane.address })
    expect(ended).toEqual({ code: 0, stdout: '200 a review\n', stderr: '' })
    expect(upstream.seen[0]).toMatchObject({ host: 'reviews:9080', 'x-request-id': expect.any(String) })
  })

  test('holds a process that waits for its first configuration', async () => {
    const plane = await controlPlane()
    const upstream = await reviews()
    plane.pause()
    const child = start(FETCH, { INMESH_XDS: plane.address })
    await plane.request((request) => request.typeUrl === LISTENER && request.subscribe.includes('reviews:9080'))
    serveReviews(plane, upstream.port)
    plane.resume()
    expect(await child.ended).toEqual({ code: 0, stdout: '200 a review\n', stderr: '' })
  })

  test('goes out without the mesh where there is no control plane, with a warning', async () => {
    const upstream = await reviews()
    const code = FETCH.replace('reviews:9080', `127.0.0.1:${upstream.port}`)
    const ended = await run(code, { INMESH_XDS: 'unix:///nowhere/xds.sock', INMESH_WAIT: '50ms' })
    expect(ended).toMatchObject({ code: 0, stdout: '200 a review\n' })
    expect(ended.stderr).toContain('inmesh warn')
    expect(upstream.seen[0]).not.toHaveProperty('x-request-id')
  })

  test('goes out without the mesh where an option is wrong, with one line', async () => {
    const upstream = await reviews()
    const code = FETCH.replace('reviews:9080', `127.0.0.1:${upstream.port}`)
    const ended = await run(code, { INMESH_BOOTSTRAP: 'sometimes' })
    expect(ended).toMatchObject({ code: 0, stdout: '200 a review\n' })
    expect(ended.stderr).toMatch(/^inmesh error [^\n]*INMESH_BOOTSTRAP[^\n]*\n$/)
  })

  test('shares its mesh with an imported library', async () => {
    const plane = await controlPlane()
    const upstream = await reviews()
    serveReviews(plane, upstream.port)
    const ended = await run(
      `
      import { createMesh } from '@inmesh/http'
      const mesh = await createMesh()
      const one = await fetch('http://reviews:9080/')
      const two = await mesh.fetch('http://reviews:9080/')
      console.log(await one.text(), await two.text(), (await createMesh()) === mesh)
      await mesh.close()`,
      { INMESH_XDS: plane.address },
    )
    expect(ended).toEqual({ code: 0, stdout: 'a review a review true\n', stderr: '' })
    expect(plane.requests.filter((request) => request.node !== null)).toHaveLength(1)
  })
})

describe('register in a process that serves', () => {
  const SERVER = `
    import http from 'node:http'
    const server = http.createServer((req, res) => {
      req.resume()
      req.on('end', async () => {
        const response = await fetch('http://reviews:9080/')
        res.end(await response.text() + ' for ' + req.headers['x-request-id'])
        if (req.url === '/last') {
          server.close()
          server.closeIdleConnections()
        }
      })
    })
    server.listen(0, process.env.INSTANCE_IP, () => console.log('port', server.address().port))`

  test.each([
    ['--import', '@inmesh/http/register'],
    ['--require', '@inmesh/http/register'],
  ])('meshes its servers and its calls, and lets it end (%s)', async (...how) => {
    const plane = await controlPlane()
    const upstream = await reviews()
    serveReviews(plane, upstream.port)
    plane.pause()
    const child = start(SERVER, { INMESH_XDS: plane.address, INSTANCE_IP: '127.0.0.7' }, how)
    const port = Number(/port (\d+)/.exec(await child.until('\n'))?.[1])
    const early = fetch(`http://127.0.0.7:${port}/`, { headers: { 'x-request-id': 'early' } })
    const name = `xds.istio.io/grpc/lds/inbound/127.0.0.7:${port}`
    await plane.request((request) => request.typeUrl === LISTENER && request.subscribe.includes(name))
    const listener = inboundListener({ address: '127.0.0.7', port })
    plane.set(listener.typeUrl, listener.name, listener.value)
    plane.resume()
    expect(await (await early).text()).toBe('a review for early')
    const last = await fetch(`http://127.0.0.7:${port}/last`, {
      headers: { 'x-request-id': 'last', connection: 'close' },
    })
    expect(await last.text()).toBe('a review for last')
    expect(upstream.seen.map((headers) => headers['x-request-id'])).toEqual(['early', 'last'])
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
    expect(plane.requests.some((request) => request.unsubscribe.includes(name))).toBe(true)
  })

  test('leaves servers on other addresses alone', async () => {
    const plane = await controlPlane()
    const child = start(
      `
      import http from 'node:http'
      const server = http.createServer((req, res) => res.end('plain', () => server.close()))
      server.listen(0, '127.0.0.1', () => console.log('port', server.address().port))`,
      { INMESH_XDS: plane.address, INSTANCE_IP: '127.0.0.7' },
    )
    const port = Number(/port (\d+)/.exec(await child.until('\n'))?.[1])
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    expect(await response.text()).toBe('plain')
    expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
    expect(plane.requests).toEqual([])
  })

  test('refuses connections while there is no configuration', async () => {
    const child = start(SERVER, {
      INMESH_XDS: 'unix:///nowhere/xds.sock',
      INMESH_WAIT: '50ms',
      INSTANCE_IP: '127.0.0.7',
    })
    const port = Number(/port (\d+)/.exec(await child.until('\n'))?.[1])
    await expect(fetch(`http://127.0.0.7:${port}/`)).rejects.toThrow('fetch failed')
  })
})
