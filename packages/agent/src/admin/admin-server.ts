// The agent's admin server, on loopback unless told otherwise: readiness, configuration, metrics.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Logger, MeshError } from '@inmesh/core'
import type { ConfigStore } from '../ingest/config-store.ts'
import { formatAddress, type ServeAddress } from '../serve/address.ts'
import type { AutoRegistration } from '../serve/auto-registration.ts'
import type { DiscoveryServer } from '../serve/discovery-server.ts'
import type { Generator } from '../serve/generator.ts'
import type { AgentMetrics } from './agent-metrics.ts'
import { dumpAgent, dumpClient } from './config-dump.ts'

/** What the admin server shows. */
export interface AdminServerOptions {
  readonly log: Logger
  readonly metrics: AgentMetrics
  readonly store: ConfigStore
  readonly registrations: AutoRegistration
  readonly server: DiscoveryServer
  readonly generator: Generator
}

/** Answers GET /ready, /config_dump and /stats/prometheus. */
export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server

  constructor(options: AdminServerOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        options.log.error('admin request failed', { url: request.url, error: String(error) })
        if (!response.headersSent) response.writeHead(500)
        response.end()
      })
    })
  }

  /** Starts to listen; answers `host:port` with the port that was given. Throws MESH_OPTION_INVALID when the address is taken. */
  listen(address: ServeAddress): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (cause) => {
        const text = formatAddress(address)
        reject(
          new MeshError('MESH_OPTION_INVALID', `--admin ${text} can't be listened on: ${cause.message}`, {
            cause,
            hint: 'Give another --admin address.',
          }),
        )
      })
      const listening = (): void => {
        const bound = this.#server.address() as AddressInfo | string
        resolve(
          typeof bound === 'string'
            ? `unix://${bound}`
            : formatAddress({ kind: 'tcp', host: bound.address, port: bound.port }),
        )
      }
      if (address.kind === 'unix') this.#server.listen(address.path, listening)
      else this.#server.listen(address.port, address.host, listening)
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { metrics, store, registrations, server, generator } = this.#options
    const url = new URL(request.url ?? '/', 'http://admin')
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(response, 405, TEXT, 'only GET is answered here\n')
    switch (url.pathname) {
      case '/':
        return send(response, 200, TEXT, '/ready\n/config_dump\n/config_dump?proxyID=ID\n/stats/prometheus\n')
      case '/ready':
        return server.context === null
          ? send(response, 503, TEXT, 'PRE_INITIALIZING\n')
          : send(response, 200, TEXT, 'LIVE\n')
      case '/stats/prometheus':
      case '/metrics':
        return send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await metrics.render())
      case '/config_dump': {
        const proxyId = url.searchParams.get('proxyID')
        const dump = proxyId === null ? dumpAgent(store, registrations, server) : dumpClient(server, generator, proxyId)
        if (dump === null)
          return send(response, 404, TEXT, `no client has the id ${JSON.stringify(proxyId)}: /config_dump lists them\n`)
        return send(response, 200, 'application/json', `${JSON.stringify(dump, null, 1)}\n`)
      }
      default:
        return send(response, 404, TEXT, 'not found: / lists what there is\n')
    }
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}

const TEXT = 'text/plain; charset=utf-8'
