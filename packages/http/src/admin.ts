// The admin interface of this process: the three answers of Envoy's that mean the same here. It is our own listener: never
// meshed, and it never keeps the process alive.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Mesh } from '@inmesh/core'
import { OWN_SERVER } from './process-mesh.ts'

/** What the admin interface shows. */
export interface AdminState {
  readonly mesh: Mesh
  draining(): boolean
}

/** A running admin interface. */
export interface Admin {
  /** Resolves with the port it listens on, or null when it could not. */
  readonly listening: Promise<number | null>
  close(): void
}

/** Where it listens. */
export interface AdminAddress {
  readonly host: string
  readonly port: number
}

/** Starts it. A port in use is one line in the log. */
export function startAdmin(at: AdminAddress, state: AdminState): Admin {
  const http = process.getBuiltinModule('node:http')
  const server = http.createServer((req, res) => {
    void answer(state, req, res)
  })
  Object.defineProperty(server, OWN_SERVER, { value: true })
  server.on('connection', (socket) => socket.unref())
  server.unref()
  return { listening: listen(server, at, state), close: () => void server.close() }
}

function listen(server: Server, { host, port }: AdminAddress, state: AdminState): Promise<number | null> {
  return new Promise((resolve) => {
    server.on('error', (error) => {
      state.mesh.log.error('the admin interface failed', { address: `${host}:${port}`, error: error.message })
      resolve(null)
    })
    server.listen(port, host, () => {
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : null)
    })
  })
}

async function answer(state: AdminState, req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    const path = (req.url ?? '/').replace(/\?.*$/, '')
    if (path === '/stats/prometheus') send(res, 200, PROMETHEUS_TEXT, await state.mesh.metrics())
    else if (path === '/config_dump') send(res, 200, JSON_TEXT, `${JSON.stringify(state.mesh.configDump(), null, 1)}\n`)
    else if (path === '/ready') {
      const now = state.draining() ? 'DRAINING' : (await isReady(state.mesh)) ? 'LIVE' : 'PRE_INITIALIZING'
      send(res, now === 'LIVE' ? 200 : 503, PLAIN_TEXT, `${now}\n`)
    } else send(res, 404, PLAIN_TEXT, 'there are /stats/prometheus, /ready and /config_dump\n')
  } catch (error) {
    state.mesh.log.error('the admin interface failed', { error: String(error) })
    if (!res.headersSent) send(res, 500, PLAIN_TEXT, 'internal error\n')
  }
}

/** Whether ready() has settled, as of now. */
function isReady(mesh: Mesh): Promise<boolean> {
  return Promise.race([
    mesh.ready().then(() => true),
    new Promise<boolean>((resolve) => {
      setImmediate(resolve, false)
    }),
  ])
}

function send(res: ServerResponse, status: number, type: string, body: string): void {
  res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

const PLAIN_TEXT = 'text/plain; charset=UTF-8'
const JSON_TEXT = 'application/json'
// Prometheus text format 0.0.4.
const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8'
