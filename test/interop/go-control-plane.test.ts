// Our SDK against a foreign ADS server, in both variants of the protocol: it accepts, it rejects, it recovers.
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { createMesh, type HttpMesh } from '@inmesh/http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { describeWithPeer } from './peers.ts'

interface ServerEvent {
  readonly event: string
  readonly port?: number
  readonly variant?: string
  readonly type?: string
  readonly names?: readonly string[] | null
  readonly version?: string
  readonly error?: string
}

const ENVOY = 'type.googleapis.com/envoy'
const router = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': `${ENVOY}.extensions.filters.http.router.v3.Router` },
}

/** The Listener `reviews:9080`, with more filters in front of the router. */
const listener = (...filters: unknown[]): unknown => ({
  '@type': `${ENVOY}.config.listener.v3.Listener`,
  name: 'reviews:9080',
  api_listener: {
    api_listener: {
      '@type': `${ENVOY}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
      rds: { route_config_name: 'reviews', config_source: { ads: {}, resource_api_version: 'V3' } },
      http_filters: [...filters, router],
    },
  },
})
const routes = (v1: number, v2: number): unknown => ({
  '@type': `${ENVOY}.config.route.v3.RouteConfiguration`,
  name: 'reviews',
  virtual_hosts: [
    {
      name: 'reviews',
      domains: ['reviews', 'reviews:9080'],
      routes: [
        {
          match: { prefix: '/' },
          route: {
            weighted_clusters: {
              clusters: [
                { name: 'v1', weight: v1 },
                { name: 'v2', weight: v2 },
              ],
            },
          },
        },
      ],
    },
  ],
})
const cluster = (name: string): unknown => ({
  '@type': `${ENVOY}.config.cluster.v3.Cluster`,
  name,
  type: 'EDS',
  eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' } },
})
const endpoints = (name: string, port: number): unknown => ({
  '@type': `${ENVOY}.config.endpoint.v3.ClusterLoadAssignment`,
  cluster_name: name,
  endpoints: [
    {
      load_balancing_weight: 1,
      locality: {},
      lb_endpoints: [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } } }],
    },
  ],
})

describeWithPeer('go-control-plane', 'the SDK as a client of a foreign ADS server', (program) => {
  describe.each(['sotw', 'delta'] as const)('%s', (xdsVariant) => {
    const events: ServerEvent[] = []
    const servers: Server[] = []
    let ports: number[] = []
    let controlPlane: ChildProcess
    let mesh: HttpMesh

    const publish = (version: string, resources: readonly unknown[]): void => {
      controlPlane.stdin?.write(`${JSON.stringify({ version, resources })}\n`)
    }
    const everything = (listenerResource: unknown, v1: number, v2: number): unknown[] => [
      listenerResource,
      routes(v1, v2),
      cluster('v1'),
      cluster('v2'),
      endpoints('v1', ports[0] as number),
      endpoints('v2', ports[1] as number),
    ]
    const call = async (): Promise<string> => (await mesh.fetch('http://reviews:9080/')).text()

    beforeEach(async () => {
      events.length = 0
      ports = await Promise.all(
        ['v1', 'v2'].map(async (version) => {
          const server = createServer((_request, response) => response.end(version))
          servers.push(server)
          await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
          return (server.address() as AddressInfo).port
        }),
      )
      controlPlane = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
      const listening = new Promise<number>((resolve) => {
        createInterface({ input: controlPlane.stdout as NodeJS.ReadableStream }).on('line', (line) => {
          const event = JSON.parse(line) as ServerEvent
          events.push(event)
          if (event.event === 'listening') resolve(event.port as number)
        })
      })
      mesh = await createMesh({ xds: `127.0.0.1:${await listening}`, xdsVariant })
    })
    afterEach(async () => {
      await mesh?.close()
      const ended = new Promise((resolve) => controlPlane.once('exit', resolve))
      controlPlane.kill()
      await ended
      for (const server of servers.splice(0)) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
    })

    test('routes by what the server says, and acknowledges every type', async () => {
      publish('1', everything(listener(), 1, 0))
      expect(await call()).toBe('v1')
      publish('2', everything(listener(), 0, 1))
      await expect.poll(call).toBe('v2')
      const requests = events.filter((event) => event.event === 'request')
      expect(new Set(requests.map((event) => event.variant))).toEqual(new Set([xdsVariant]))
      expect(new Set(requests.map((event) => event.type?.split('.').at(-1)))).toEqual(
        new Set(['Listener', 'RouteConfiguration', 'Cluster', 'ClusterLoadAssignment']),
      )
      expect(events.filter((event) => event.event === 'error' || (event.error ?? '') !== '')).toEqual([])
    })

    test('rejects what is unsafe to ignore with its reason, keeps the last good state, and recovers', async () => {
      publish('1', everything(listener(), 1, 0))
      expect(await call()).toBe('v1')
      const jwt = {
        name: 'jwt',
        typed_config: { '@type': `${ENVOY}.extensions.filters.http.jwt_authn.v3.JwtAuthentication` },
      }
      publish('2', everything(listener(jwt), 1, 0))
      await expect
        .poll(() => events.find((event) => (event.error ?? '') !== ''))
        .toMatchObject({
          type: `${ENVOY}.config.listener.v3.Listener`,
          error: expect.stringContaining('jwt') as string,
        })
      expect(await call()).toBe('v1')
      publish('3', everything(listener(), 0, 1))
      await expect.poll(call).toBe('v2')
      const last = events.filter((event) => event.event === 'request' && event.type?.endsWith('Listener')).at(-1)
      expect(last?.error ?? '').toBe('')
    })
  })
})
