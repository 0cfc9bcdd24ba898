import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FakeClock } from '@inmesh/core/testing'
import { NOT_READY, PASS_THROUGH, Reply } from '@inmesh/core'
import { afterEach, describe, expect, test } from 'vitest'
import { RawClient } from '../../../../test/fixtures/raw-client.ts'
import { localReply, ScriptedMesh } from '../../../../test/fixtures/scripted-inbound-mesh.ts'
import { meshServer, meshServerOf, type MeshServerOptions } from './server.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const open: { server: http.Server; clients: RawClient[] }[] = []

afterEach(async () => {
  for (const { server, clients } of open.splice(0)) {
    for (const client of clients) client.close()
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
})

async function start(
  mesh: ScriptedMesh,
  app: http.RequestListener = (req, res) => res.end(`hello ${req.url}`),
  options?: MeshServerOptions,
): Promise<{ server: http.Server; port: number; connect: () => Promise<RawClient> }> {
  const server = meshServer(mesh, http.createServer(app), options)
  const clients: RawClient[] = []
  open.push({ server, clients })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port)
    clients.push(client)
    return client
  }
  return { server, port, connect }
}

describe('a request', () => {
  test('goes to the application and is completed once, with its status and bytes', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh)
    const client = await connect()
    client.send('GET /one HTTP/1.1\r\nhost: reviews:9080\r\n\r\n')
    expect(await client.until('hello /one')).toMatch(/^HTTP\/1\.1 200 OK/)
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.completions).toEqual([
      { path: '/one', outcome: 'finished', status: 200, requestBytes: 0, responseBytes: 10 },
    ])
  })

  test('shows core its authority, its lower-case fields and the facts of its connection', async () => {
    const mesh = new ScriptedMesh()
    const seen: unknown[] = []
    mesh.onBegin = (x) => {
      seen.push(x.request.method, x.request.authority, x.request.path, x.request.headers.get('x-a'), x.connection)
      return 'continue'
    }
    const { connect, port } = await start(mesh)
    const client = await connect()
    client.send('GET /p?q=1 HTTP/1.1\r\nHost: reviews:9080\r\nX-A: 1\r\n\r\n')
    await client.until('hello')
    expect(seen.slice(0, 4)).toEqual(['GET', 'reviews:9080', '/p?q=1', '1'])
    expect(seen[4]).toMatchObject({
      remoteAddress: '127.0.0.1',
      localAddress: '127.0.0.1',
      localPort: port,
      mtls: false,
    })
  })

  test('in absolute form has its authority and path from the target, and the application sees the target as sent', async () => {
    const mesh = new ScriptedMesh()
    const seen: string[] = []
    mesh.onBegin = (x) => {
      seen.push(x.request.authority, x.request.path)
      return 'continue'
    }
    const { connect } = await start(mesh)
    const client = await connect()
    client.send('GET http://b:1/x?y HTTP/1.1\r\nhost: a\r\n\r\n')
    await client.until('hello http://b:1/x?y')
    expect(seen).toEqual(['b:1', '/x?y'])
  })

  test('arrives at the application as the request phase left it', async () => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = ({ request }) => {
      request.path = '/rewritten'
      request.headers.remove('x-secret')
      request.headers.set('x-kept', '2')
      request.headers.append('x-request-id', 'id')
      return 'continue'
    }
    let seen: unknown
    const { connect } = await start(mesh, (req, res) => {
      seen = [req.url, req.headers, req.rawHeaders, req.headersDistinct['x-request-id']]
      res.end('done')
    })
    const client = await connect()
    client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Secret: 1\r\nX-Kept: 1\r\nX-Same: s\r\n\r\n')
    await client.until('done')
    expect(seen).toEqual([
      '/rewritten',
      { host: 'a', 'x-kept': '2', 'x-same': 's', 'x-request-id': 'id' },
      ['Host', 'a', 'x-kept', '2', 'X-Same', 's', 'x-request-id', 'id'],
      ['id'],
    ])
  })

  test('with a chunked body is counted as it was read', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh, (req, res) => {
      let text = ''
      req.setEncoding('utf8')
      req.on('data', (chunk: string) => (text += chunk))
      req.on('end', () => res.end(text))
    })
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n')
    await client.until('abcdefg')
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.completions[0]).toMatchObject({ requestBytes: 7, responseBytes: 7 })
  })

  test('is counted by its content length where the application does not read it', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh, (_req, res) => void setImmediate(() => res.end('hello')))
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nabcde')
    await client.until('hello')
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.completions[0]).toMatchObject({ requestBytes: 5, outcome: 'finished' })
  })

  test('that is pipelined or follows on a kept connection is one of its own', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh)
    const client = await connect()
    client.send('GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n')
    await client.until('hello /2')
    client.send('GET /3 HTTP/1.1\r\nhost: a\r\n\r\n')
    const text = await client.until('hello /3')
    expect(text.match(/hello \/\d/g)).toEqual(['hello /1', 'hello /2', 'hello /3'])
    await mesh.until(() => mesh.completions.length === 3)
    expect(mesh.completions.map((c) => [c.path, c.responseBytes])).toEqual([
      ['/1', 8],
      ['/2', 8],
      ['/3', 8],
    ])
    expect(mesh.connections).toHaveLength(1)
  })

  test('keeps its connection for an hour and gives no hint of it', async () => {
    const { connect, server } = await start(new ScriptedMesh())
    const client = await connect()
    client.send(GET)
    const text = await client.until('hello')
    expect(text.toLowerCase()).toContain('connection: keep-alive\r\n')
    expect(text.toLowerCase()).not.toContain('keep-alive: ')
    expect(server.keepAliveTimeout).toBe(3_600_000)
  })

  test('leaves a keep-alive timeout of the application alone', async () => {
    const mesh = new ScriptedMesh()
    const { connect, server } = await start(mesh)
    server.keepAliveTimeout = 7_000
    const client = await connect()
    client.send(GET)
    await client.until('hello')
    expect(server.keepAliveTimeout).toBe(7_000)
  })
})

describe('the request phase', () => {
  test('answers in the place of the application', async () => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = () => localReply(403, 'RBAC: access denied', ['x-added', '1'])
    let asked = false
    const { connect } = await start(mesh, (_req, res) => {
      asked = true
      res.end()
    })
    const client = await connect()
    client.send(GET)
    const text = await client.until('denied')
    expect(text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(text).toContain('x-added: 1\r\n')
    expect(text).toContain('content-type: text/plain\r\n')
    expect(text).toContain('content-length: 19\r\n')
    expect(asked).toBe(false)
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.completions[0]).toMatchObject({ status: 403, outcome: 'finished', responseBytes: 19 })
    client.send(GET)
    await client.until(/denied[^]*denied/)
  })

  test('whose answer cannot be sent ends the connection', async () => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = () => localReply(403, 'no', ['x-bad', 'line\nbreak'])
    const { connect } = await start(mesh)
    const client = await connect()
    client.send(GET)
    expect(await client.untilEnd()).toBe('')
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.problems.join()).toContain('could not be sent')
  })

  test('may wait, and the application gets the whole body afterwards', async () => {
    const mesh = new ScriptedMesh()
    const gate = Promise.withResolvers<'continue'>()
    mesh.onBegin = () => gate.promise
    const { connect } = await start(mesh, (req, res) => void req.pipe(res))
    const client = await connect()
    let begun = false
    void mesh.until(() => true).then(() => (begun = true))
    client.send('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody')
    await mesh.until(() => begun)
    gate.resolve('continue')
    await client.until('body')
    expect(client.text).toMatch(/^HTTP\/1\.1 200/)
  })

  test('that waits and refuses gives the application nothing', async () => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = async () => localReply(401, 'Jwt is missing')
    const { connect } = await start(mesh, () => expect.fail('the application was asked'))
    const client = await connect()
    client.send(GET)
    expect(await client.until('missing')).toContain('401 Unauthorized')
  })

  test('that waits while its client goes away completes as aborted and asks nobody', async () => {
    const mesh = new ScriptedMesh()
    const gate = Promise.withResolvers<'continue'>()
    const begun = Promise.withResolvers<void>()
    mesh.onBegin = () => {
      begun.resolve()
      return gate.promise
    }
    let asked = false
    const { connect } = await start(mesh, () => (asked = true))
    const client = await connect()
    client.send(GET)
    await begun.promise
    client.reset()
    await mesh.until(() => mesh.completions.length === 1)
    gate.resolve('continue')
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(mesh.completions).toMatchObject([{ outcome: 'aborted', status: null }])
    expect(asked).toBe(false)
  })

  test.each<[string, ScriptedMesh['onBegin']]>([
    ['throws', () => expect.fail('a fault')],
    ['rejects', () => Promise.reject(new Error('a fault'))],
  ])('that %s refuses the request, and the application is not disturbed', async (_, onBegin) => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = onBegin
    const { connect } = await start(mesh, () => expect.fail('the application was asked'))
    const client = await connect()
    client.send(GET)
    expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 500/)
    expect(mesh.problems.join()).toContain('a fault')
  })

  test.each([
    ['checkContinue', '100-continue', 200],
    ['checkContinue', '100-continue', 403],
    ['checkExpectation', 'something', 200],
    ['checkExpectation', 'something', 403],
  ])('comes before %s too (%s, %i)', async (event, expectation, status) => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = () => Promise.resolve(status === 200 ? 'continue' : localReply(403, 'no'))
    const { connect, server } = await start(mesh, () => expect.fail('request was emitted'))
    let asked = false
    server.on(event, (_req: http.IncomingMessage, res: http.ServerResponse) => {
      asked = true
      res.end('yes')
    })
    const client = await connect()
    client.send(`POST / HTTP/1.1\r\nhost: a\r\nexpect: ${expectation}\r\ncontent-length: 2\r\n\r\n`)
    expect(await client.until(status === 200 ? 'yes' : 'no')).toMatch(new RegExp(`^HTTP/1.1 ${status}`))
    expect(asked).toBe(status === 200)
  })

  test('lets node:http say 100 Continue by itself', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh, (req, res) => void req.pipe(res))
    const client = await connect()
    client.send('POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n')
    expect(await client.until('100 Continue')).toBe('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('body')
    await client.until('body')
    expect(client.text).toContain('200 OK')
  })
})

describe('upgrade and CONNECT', () => {
  const UPGRADE = 'GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n'

  const echo = (server: http.Server): void => {
    server.on('upgrade', (_req, socket) => {
      socket.on('error', () => {})
      socket.write(SWITCH)
      socket.pipe(socket)
    })
    server.on('connect', (_req, socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      socket.pipe(socket)
    })
  }

  test.each([
    ['upgrade', UPGRADE, 101],
    ['connect', 'CONNECT b:443 HTTP/1.1\r\nhost: b\r\n\r\n', 200],
  ])(
    '%s passes the request phase, waiting or not, and is completed when the connection ends',
    async (_, head, status) => {
      for (const wait of [false, true]) {
        const mesh = new ScriptedMesh()
        if (wait) mesh.onBegin = () => Promise.resolve('continue' as const)
        const { connect, server } = await start(mesh)
        echo(server)
        const client = await connect()
        client.send(head)
        await client.until(`${status}`)
        client.send('ping')
        await client.until('ping')
        client.close()
        await mesh.until(() => mesh.completions.length === 1)
        expect(mesh.completions[0]).toMatchObject({ outcome: 'finished', status, requestBytes: 4 })
      }
    },
  )

  test.each([
    ['upgrade', UPGRADE],
    ['connect', 'CONNECT b:443 HTTP/1.1\r\nhost: b\r\n\r\n'],
  ])('a refused %s gets the reply and the end', async (_, head) => {
    const mesh = new ScriptedMesh()
    mesh.onBegin = async () => localReply(403, 'RBAC: access denied')
    const { connect, server } = await start(mesh)
    server.on('upgrade', () => expect.fail('the application was asked'))
    server.on('connect', () => expect.fail('the application was asked'))
    const client = await connect()
    client.send(head)
    expect(await client.untilEnd()).toMatch(
      /^HTTP\/1\.1 403 Forbidden\r\n[^]*connection: close\r\n\r\nRBAC: access denied$/,
    )
    await mesh.until(() => mesh.completions.length === 1)
    expect(mesh.completions[0]).toMatchObject({ status: 403 })
  })

  test('a client that resets while an upgrade waits harms nobody', async () => {
    const mesh = new ScriptedMesh()
    const gate = Promise.withResolvers<'continue'>()
    const begun = Promise.withResolvers<void>()
    mesh.onBegin = () => {
      begun.resolve()
      return gate.promise
    }
    const { connect, server } = await start(mesh)
    server.on('upgrade', () => expect.fail('the application was asked'))
    const client = await connect()
    client.send(UPGRADE)
    await begun.promise
    client.reset()
    await mesh.until(() => mesh.completions.length === 1)
    gate.resolve('continue')
    await new Promise(setImmediate)
    expect(mesh.completions[0]).toMatchObject({ outcome: 'aborted' })
  })

  test('a policy that no longer admits the connection ends it at once', async () => {
    const mesh = new ScriptedMesh()
    const { connect, server } = await start(mesh)
    echo(server)
    const client = await connect()
    client.send(UPGRADE)
    await client.until('101')
    mesh.changePolicy()
    await client.untilEnd()
  })
})

describe('a connection', () => {
  test('is held until the policy is known, and loses nothing', async () => {
    const mesh = new ScriptedMesh()
    mesh.answer = NOT_READY
    const { connect } = await start(mesh)
    const client = await connect()
    client.send(GET)
    await mesh.until(() => mesh.waiting === 1)
    expect(mesh.connections).toHaveLength(0)
    mesh.settle(mesh.inboundListener)
    await client.until('hello')
  })

  test.each([
    ['is closed when the policy refuses', new Reply(503, '', 0, 'test'), ''],
    ['passes through when the policy says so', PASS_THROUGH, 'hello /'],
  ] as const)('that was held %s', async (_, answer, text) => {
    const mesh = new ScriptedMesh()
    mesh.answer = NOT_READY
    const { connect } = await start(mesh, (_req, res) => {
      res.writeHead(200, { connection: 'close', 'content-length': 7 }).end('hello /')
    })
    const client = await connect()
    client.send(GET)
    await mesh.until(() => mesh.waiting === 1)
    mesh.settle(answer)
    expect((await client.untilEnd()).endsWith(text)).toBe(true)
    expect(client.text === '').toBe(text === '')
    expect(mesh.completions).toEqual([])
  })

  test('that is held and reset by its client is forgotten', async () => {
    const mesh = new ScriptedMesh()
    mesh.answer = NOT_READY
    const { connect, server } = await start(mesh)
    const client = await connect()
    await mesh.until(() => mesh.waiting === 1)
    client.reset()
    await new Promise((resolve) => {
      const look = (): void => void (meshServerOf(server)?.held.size === 0 ? resolve(null) : setImmediate(look))
      look()
    })
    mesh.settle(mesh.inboundListener)
    await new Promise(setImmediate)
    expect(mesh.connections).toHaveLength(0)
  })

  test.each(['close', 'closeIdleConnections', 'closeAllConnections'] as const)(
    'that is held ends with %s',
    async (method) => {
      const mesh = new ScriptedMesh()
      mesh.answer = NOT_READY
      const { connect, server } = await start(mesh)
      const client = await connect()
      await mesh.until(() => mesh.waiting === 1)
      const closed = method === 'close' ? once(server, 'close') : null
      server[method]()
      await client.untilEnd()
      await closed
    },
  )

  test('is held no longer than the server waits for a head', async () => {
    const clock = new FakeClock()
    const mesh = new ScriptedMesh(clock)
    mesh.answer = NOT_READY
    const { connect, server } = await start(mesh)
    server.headersTimeout = 2_000
    const client = await connect()
    await mesh.until(() => mesh.waiting === 1)
    clock.advance(1_999)
    expect(client.ended).toBe(false)
    clock.advance(1)
    await client.untilEnd()
  })

  test('that no filter chain takes is closed', async () => {
    const mesh = new ScriptedMesh()
    mesh.accepts = () => false
    const { connect } = await start(mesh)
    const client = await connect()
    expect(await client.untilEnd()).toBe('')
  })

  test('that the policy no longer admits ends at once when idle', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh)
    const client = await connect()
    client.send(GET)
    await client.until('hello')
    await mesh.until(() => mesh.completions.length === 1)
    mesh.changePolicy()
    await client.untilEnd()
    await mesh.until(() => mesh.following === 0)
  })

  test('that the policy no longer admits ends after the answer under way', async () => {
    const mesh = new ScriptedMesh()
    const asked = Promise.withResolvers<http.ServerResponse>()
    const { connect } = await start(mesh, (_req, res) => asked.resolve(res))
    const client = await connect()
    client.send(GET)
    const res = await asked.promise
    mesh.changePolicy()
    res.end('the answer')
    const text = await client.untilEnd()
    expect(text.toLowerCase()).toContain('connection: close')
    expect(text).toContain('the answer')
  })

  test('that goes away in the middle of an answer completes what is pipelined on it, once each', async () => {
    const mesh = new ScriptedMesh()
    let asked = 0
    const both = Promise.withResolvers<void>()
    const { connect } = await start(mesh, (_req, res) => {
      res.on('error', () => {})
      if (++asked === 1) res.write('part')
      else both.resolve()
    })
    const client = await connect()
    client.send(GET + GET.replace('/', '/2'))
    await both.promise
    await client.until('part')
    client.reset()
    await mesh.until(() => mesh.completions.length === 2)
    await new Promise(setImmediate)
    expect(mesh.completions.map((c) => `${c.path} ${c.outcome} ${c.responseBytes}`).toSorted()).toEqual([
      '/ aborted 4',
      '/2 aborted 0',
    ])
  })
})

describe('a server', () => {
  test('tells the mesh where it listens, and that it no longer does', async () => {
    const mesh = new ScriptedMesh()
    const { server, port } = await start(mesh)
    expect(mesh.listening).toEqual([{ address: '127.0.0.1', port }])
    expect(mesh.released).toEqual([])
    server.close()
    await once(server, 'close')
    expect(mesh.released).toEqual([{ address: '127.0.0.1', port }])
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    expect(mesh.listening).toHaveLength(2)
  })

  test('may listen already when it is meshed', async () => {
    const mesh = new ScriptedMesh()
    const server = http.createServer((_req, res) => res.end('late'))
    open.push({ server, clients: [] })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    meshServer(mesh, server)
    meshServer(mesh, server)
    const client = await RawClient.connect((server.address() as net.AddressInfo).port)
    client.send(GET)
    await client.until('late')
    await mesh.until(() => mesh.completions.length === 1)
    client.close()
  })

  test('passes through on addresses that are not the mesh’s', async () => {
    const mesh = new ScriptedMesh()
    const { connect } = await start(mesh, undefined, { admits: (where) => where.address !== '127.0.0.1' })
    const client = await connect()
    client.send(GET)
    await client.until('hello')
    expect(mesh.listening).toEqual([])
    expect(mesh.connections).toEqual([])
  })

  test('passes through on a unix socket', async () => {
    const mesh = new ScriptedMesh()
    const server = meshServer(
      mesh,
      http.createServer((_req, res) => res.end('unix')),
    )
    const path = join(tmpdir(), `inmesh-${process.pid}-${Math.random().toString(36).slice(2)}.sock`)
    server.listen(path)
    await once(server, 'listening')
    const [res] = (await once(http.get({ socketPath: path, agent: false }), 'response')) as [http.IncomingMessage]
    res.resume()
    await once(res, 'end')
    server.close()
    await once(server, 'close')
    expect(mesh.listening).toEqual([])
  })

  test('keeps methods that the application has replaced', async () => {
    const mesh = new ScriptedMesh()
    const server = http.createServer()
    const { close } = server as unknown as { close: (...args: unknown[]) => unknown }
    const seen: string[] = []
    Object.assign(server, {
      close(...args: unknown[]) {
        seen.push('replaced')
        return close.apply(server, args)
      },
    })
    meshServer(mesh, server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await new Promise((resolve) => server.close(resolve))
    expect(seen).toEqual(['replaced'])
    expect(mesh.released).toHaveLength(1)
  })

  test('still lets others wrap emit on the prototype, and they come after the mesh', async () => {
    const mesh = new ScriptedMesh()
    const seen: string[] = []
    mesh.onBegin = () => {
      seen.push('mesh')
      return 'continue'
    }
    const { connect } = await start(mesh)
    const prototype = http.Server.prototype as { emit: (...args: unknown[]) => boolean }
    const emit = prototype.emit
    prototype.emit = function (this: http.Server, ...args) {
      if (args[0] === 'request') seen.push('wrapper')
      return Reflect.apply(emit, this, args) as boolean
    }
    try {
      const client = await connect()
      client.send(GET)
      await client.until('hello')
    } finally {
      Reflect.deleteProperty(prototype, 'emit')
    }
    expect(seen).toEqual(['mesh', 'wrapper'])
  })
})
