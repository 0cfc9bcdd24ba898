import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ScriptedMesh } from '../../../test/fixtures/scripted-inbound-mesh.ts'
import { type Admin, startAdmin } from './admin.ts'
import { OWN_SERVER } from './process-mesh.ts'

let admin: Admin | null = null

afterEach(() => {
  admin?.close()
  admin = null
})

async function start(mesh: ScriptedMesh, draining = false): Promise<(path: string) => Promise<Response>> {
  admin = startAdmin({ host: '127.0.0.1', port: 0 }, { mesh, draining: () => draining })
  const port = await admin.listening
  return (path) => fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
}

describe('the admin interface', () => {
  test('serves the metrics as Prometheus text', async () => {
    const get = await start(new ScriptedMesh())
    const response = await get('/stats/prometheus')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toBe('istio_requests_total 1\n')
  })

  test('serves the configuration in force as JSON', async () => {
    const get = await start(new ScriptedMesh())
    const response = await get('/config_dump?include_eds')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({ listeners: [] })
  })

  test.each([
    ['LIVE with a configuration', true, false, 200, 'LIVE\n'],
    ['PRE_INITIALIZING without one', false, false, 503, 'PRE_INITIALIZING\n'],
    ['DRAINING during a drain', true, true, 503, 'DRAINING\n'],
  ])('says %s', async (_, ready, draining, status, body) => {
    const mesh = new ScriptedMesh()
    if (!ready) mesh.ready = () => new Promise(() => {})
    const get = await start(mesh, draining)
    const response = await get('/ready')
    expect([response.status, await response.text()]).toEqual([status, body])
  })

  test('says what there is where there is nothing', async () => {
    const get = await start(new ScriptedMesh())
    const response = await get('/')
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining('/stats/prometheus')])
  })

  test('answers 500 where the mesh fails, and goes on', async () => {
    const mesh = new ScriptedMesh()
    mesh.metrics = () => Promise.reject(new Error('no metrics'))
    const get = await start(mesh)
    expect((await get('/stats/prometheus')).status).toBe(500)
    expect((await get('/ready')).status).toBe(200)
    expect(mesh.problems.join()).toContain('no metrics')
  })

  test('is the mesh’s own server, and a port in use is one line in the log', async () => {
    const taken = http.createServer()
    taken.listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const mesh = new ScriptedMesh()
    const { port } = taken.address() as net.AddressInfo
    admin = startAdmin({ host: '127.0.0.1', port }, { mesh, draining: () => false })
    expect(await admin.listening).toBe(null)
    expect(mesh.problems).toHaveLength(1)
    expect(mesh.problems[0]).toContain('EADDRINUSE')
    expect(OWN_SERVER in taken).toBe(false)
    taken.close()
  })
})
