// How a connection to an endpoint is opened: plain TCP or a unix socket. Mutual TLS takes its place here: a pool asks this
// file for its connector and knows nothing of what carries its bytes.
import type { Cluster, Endpoint } from '@inmesh/core'
import { buildConnector } from './undici.ts'

/** What undici calls for each new connection. */
export type Connector = ReturnType<typeof buildConnector>

/** Opens connections to one endpoint, within the cluster's connect_timeout. */
export function createConnector(cluster: Cluster, endpoint: Endpoint): Connector {
  const { connectTimeoutMs, protocol } = cluster.resource
  const path = socketPath(endpoint.address)
  const http2 = protocol === 'http2'
  const options = { allowH2: http2, useH2c: http2, timeout: connectTimeoutMs, port: endpoint.port }
  return buildConnector(path === null ? options : { ...options, socketPath: path })
}

/** The path of a unix socket; null for an IP address or a host name. `@` stands for Linux's abstract names. */
export function socketPath(address: string): string | null {
  if (address.startsWith('/')) return address
  return address.startsWith('@') ? `\0${address.slice(1)}` : null
}
