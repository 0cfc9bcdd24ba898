import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import type { ResponseHead } from '@inmesh/core'
import { afterEach, describe, expect, test } from 'vitest'
import { AsyncRequestContext } from '../context/request-context.ts'
import { RawClient } from '../../../../test/fixtures/raw-client.ts'
import { ScriptedMesh } from '../../../../test/fixtures/scripted-inbound-mesh.ts'
import { meshServer } from './server.ts'

const servers: http.Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

async function listen(server: http.Server): Promise<number> {
  servers.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as net.AddressInfo).port
}

/** Status line and fields as they came, without Date, and the body. */
async function ask(
  mesh: ScriptedMesh,
  app: http.RequestListener,
  method: string = 'GET',
): Promise<{ status: string; fields: string[]; body: string }> {
  const port = await listen(meshServer(mesh, http.createServer(app)))
  const client = await RawClient.connect(port)
  client.send(`${method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
  const text = await client.untilEnd()
  const at = text.indexOf('\r\n\r\n')
  const [status, ...fields] = text.slice(0, at).split('\r\n')
  await mesh.until(() => mesh.completions.length === 1)
  return {
    status: status as string,
    fields: fields.filter((field) => !/^(date|connection):/i.test(field)),
    body: text.slice(at + 4),
  }
}

const ways: [string, http.RequestListener][] = [
  ['setHeader and an implicit head', (_q, s) => void s.setHeader('X-App', '1').setHeader('x-drop', 'd').end('body')],
  ['writeHead with an object', (_q, s) => void s.writeHead(200, { 'X-App': 1, 'x-drop': 'd' }).end('body')],
  ['writeHead with a flat list', (_q, s) => void s.writeHead(200, ['X-App', '1', 'x-drop', 'd']).end('body')],
  [
    'writeHead with pairs',
    (_q, s) => {
      const pairs = [
        ['X-App', '1'],
        ['x-drop', 'd'],
      ]
      s.writeHead(200, pairs as never).end('body')
    },
  ],
  [
    'setHeader and writeHead with an object that overrides it',
    (_q, s) => void s.setHeader('x-app', '0').writeHead(200, { 'X-App': '1', 'x-drop': 'd' }).end('body'),
  ],
  [
    'setHeader and writeHead with a list that overrides it',
    (_q, s) => void s.setHeader('x-app', '0').writeHead(200, ['X-App', '1', 'x-drop', 'd']).end('body'),
  ],
  ['writeHead with a reason', (_q, s) => void s.writeHead(200, 'OK', { 'X-App': '1', 'x-drop': 'd' }).end('body')],
]

describe('the response phase', () => {
  test.each(ways)('sees the head and may change it: %s', async (_, app) => {
    const mesh = new ScriptedMesh()
    let seen: string[] = []
    mesh.onResponse = ({ headers }) => {
      seen = [...headers.flat]
      headers.append('x-added', 'a')
      headers.set('x-app', '2')
      headers.remove('x-drop')
    }
    const { status, fields, body } = await ask(mesh, app)
    expect(seen).toEqual(['x-app', '1', 'x-drop', 'd'])
    expect(status).toBe('HTTP/1.1 200 OK')
    expect(fields.filter((field) => /^x-/i.test(field)).toSorted()).toEqual(['x-added: a', 'x-app: 2'])
    expect(body).toContain('body')
  })

  test.each(ways)('may add only, and what the application wrote stays: %s', async (_, app) => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = ({ headers }) => {
      headers.append('x-added', 'a')
      headers.append('x-added', 'b')
    }
    const { fields } = await ask(mesh, app)
    const lower = fields.map((field) => field.toLowerCase()).filter((field) => field.startsWith('x-'))
    expect(lower).toEqual(['x-app: 1', 'x-drop: d', 'x-added: a', 'x-added: b'])
  })

  test.each(ways)('that changes nothing leaves the bytes as they were: %s', async (_, app) => {
    const meshed = await ask(new ScriptedMesh(), app)
    const port = await listen(http.createServer(app))
    const client = await RawClient.connect(port)
    client.send('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    const plain = (await client.untilEnd()).split('\r\n\r\n')[0]
    expect(plain?.split('\r\n').filter((field) => !/^(date|connection):/i.test(field))).toEqual([
      meshed.status,
      ...meshed.fields,
    ])
  })

  test('sees several values of one field and keeps them apart', async () => {
    const mesh = new ScriptedMesh()
    let seen: string[] = []
    mesh.onResponse = ({ headers }) => {
      seen = headers.getAll('set-cookie')
      headers.append('x-added', 'a')
    }
    const { fields } = await ask(mesh, (_req, res) => {
      res.setHeader('set-cookie', ['a=1', 'b=2'])
      res.end()
    })
    expect(seen).toEqual(['a=1', 'b=2'])
    expect(fields.filter((field) => field.startsWith('set-cookie'))).toEqual(['set-cookie: a=1', 'set-cookie: b=2'])
  })

  test('may change the status, and the reason goes with it', async () => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = (head: ResponseHead) => {
      head.status = 418
    }
    const { status } = await ask(mesh, (_req, res) => res.writeHead(200, 'Fine').end())
    expect(status).toBe("HTTP/1.1 418 I'm a Teapot")
  })

  test('keeps a reason of the application', async () => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = ({ headers }) => headers.append('x-added', 'a')
    const { status } = await ask(mesh, (_req, res) => {
      res.statusCode = 201
      res.statusMessage = 'Made'
      res.end()
    })
    expect(status).toBe('HTTP/1.1 201 Made')
  })

  test.each([
    ['a field that node:http has to know of', 'connection', 'close', /\r\nconnection: close\r\n/i],
    ['an empty value', 'x-added', '', /\r\nx-added: \r\n/],
  ])('may add %s', async (_, name, value, expected) => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = ({ headers }) => headers.append(name, value)
    const port = await listen(
      meshServer(
        mesh,
        http.createServer((_req, res) => res.end('body')),
      ),
    )
    const client = await RawClient.connect(port)
    client.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    expect(await client.until('body')).toMatch(expected)
    client.close()
  })

  test.each([
    ['x-added', 'line\r\nbreak: 1'],
    ['x-added: 1\r\nx-other', '1'],
  ])('cannot smuggle a field in by %j: %j', async (name, value) => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = ({ headers }) => headers.append(name, value)
    const { status, fields, body } = await ask(mesh, (_req, res) => res.end('body'))
    expect([status, body]).toEqual(['HTTP/1.1 200 OK', 'body'])
    expect(mesh.problems.join()).toContain('cannot be sent')
    expect(fields.join()).not.toContain('break')
    expect(fields.join()).not.toContain('x-other')
  })

  test('that fails leaves the response as it is', async () => {
    const mesh = new ScriptedMesh()
    mesh.onResponse = () => {
      throw new Error('a fault')
    }
    const { status, body } = await ask(mesh, (_req, res) => res.end('body'))
    expect([status, body]).toEqual(['HTTP/1.1 200 OK', 'body'])
    expect(mesh.problems.join()).toContain('a fault')
  })

  test('runs once, and a head that node:http refuses is followed by the application’s next', async () => {
    const mesh = new ScriptedMesh()
    const { status } = await ask(mesh, (_req, res) => {
      expect(() => res.writeHead(200, { 'x-bad': undefined })).toThrow('Invalid value "undefined"')
      expect(() => res.writeHead(99)).toThrow('Invalid status code')
      res.writeHead(500).end()
      expect(() => res.writeHead(200)).toThrow('Cannot write headers after they are sent')
    })
    expect(status).toContain('500')
    expect(mesh.completions).toMatchObject([{ status: 500, outcome: 'finished' }])
  })
})

describe('the bytes of a response', () => {
  test.each<[string, string, number, http.RequestListener]>([
    ['with an implicit length', 'GET', 5, (_req, res) => res.end('höla')],
    ['with a declared length', 'GET', 5, (_req, res) => res.writeHead(200, { 'content-length': 5 }).end('hello')],
    [
      'written in chunks',
      'GET',
      10,
      (_req, res) => {
        res.write('hé')
        res.write(Buffer.from('llo'))
        res.end('6f6f6f6f', 'hex')
      },
    ],
    ['whose head was written first', 'GET', 5, (_req, res) => res.writeHead(200).end('hello')],
    ['that is empty', 'GET', 0, (_req, res) => res.end()],
    ['to HEAD', 'HEAD', 0, (_req, res) => res.writeHead(200, { 'content-length': 5 }).end('hello')],
    ['of 204', 'GET', 0, (_req, res) => res.writeHead(204).end('hello')],
    ['of 304', 'GET', 0, (_req, res) => res.writeHead(304).end()],
  ])('%s are counted without the framing', async (_, method, bytes, app) => {
    const mesh = new ScriptedMesh()
    await ask(mesh, app, method)
    expect(mesh.completions).toMatchObject([{ outcome: 'finished', responseBytes: bytes }])
  })
})

describe('the async context', () => {
  const context = new AsyncRequestContext()
  const now = (): string | null => context.current()?.requestId ?? null

  async function run(
    app: (seen: string[], req: http.IncomingMessage, res: http.ServerResponse) => void,
  ): Promise<string[]> {
    const mesh = new ScriptedMesh()
    const seen: string[] = []
    const server = meshServer(
      mesh,
      http.createServer((req, res) => app(seen, req, res)),
      { context },
    )
    const port = await listen(server)
    const client = await RawClient.connect(port)
    const post = (path: string): string => `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n`
    client.send(post('/1'))
    await new Promise(setImmediate)
    client.send(`body${post('/2')}body`)
    await mesh.until(() => mesh.completions.length === 2)
    await new Promise(setImmediate)
    client.close()
    return seen
  }

  test('of a request holds in its handler and in every event of the request and the response', async () => {
    const seen = await run((list, req, res) => {
      const note = (event: string) => () => list.push(`${req.url} ${event} ${now()}`)
      note('request')()
      req.once('data', note('data'))
      req.on('end', () => {
        note('end')()
        setImmediate(() => res.end('done'))
      })
      req.on('close', note('req close'))
      res.on('finish', note('finish'))
      res.on('close', note('res close'))
    })
    for (const path of ['/1', '/2']) {
      expect(seen.filter((line) => line.startsWith(path)).toSorted()).toEqual(
        ['data', 'end', 'finish', 'req close', 'request', 'res close'].map((event) => `${path} ${event} ${path}`),
      )
    }
  })

  test('holds where the body is read by iteration and where the answer comes from a promise', async () => {
    const seen = await run((list, req, res) => {
      void (async () => {
        for await (const _ of req) list.push(`${req.url} ${now()}`)
        await Promise.resolve()
        list.push(`${req.url} ${now()}`)
        res.end()
      })()
    })
    expect(seen.toSorted()).toEqual(['/1 /1', '/1 /1', '/2 /2', '/2 /2'])
  })

  test('leaves what the application has put on top of it', async () => {
    const own = new AsyncLocalStorage<string>()
    const seen = await run((list, req, res) => {
      own.run(`own ${req.url}`, () => {
        setImmediate(() => {
          res.on('custom', () => list.push(`${own.getStore()} ${now()}`))
          res.emit('custom')
          req.resume()
          res.end()
        })
      })
    })
    expect(seen).toEqual(['own /1 /1', 'own /2 /2'])
  })

  test('is none outside of requests', () => {
    expect(now()).toBe(null)
  })
})

test('messages that are not of the mesh stay as they are', async () => {
  meshServer(new ScriptedMesh(), http.createServer())
  const port = await listen(
    http.createServer((req, res) => {
      let text = ''
      req.on('data', (chunk: Buffer) => (text += String(chunk)))
      req.on('end', () => {
        res.write(text)
        res.end('!')
      })
    }),
  )
  const request = http.request({ port, host: '127.0.0.1', method: 'POST', agent: false })
  request.end('abc')
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  expect(text).toBe('abc!')
})
