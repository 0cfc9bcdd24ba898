// One undici Pool per endpoint: the connections of a (cluster, address). The pool hangs on the endpoint and lives as long
// as it does. undici limits nothing here: how many requests may be under way, and for how long, is core's to say.
import type { Closeable, Cluster, Endpoint } from '@inmesh/core'
import { createConnector, socketPath } from './connector.ts'
import { type DispatchHandler, type DispatchOptions, errors, Pool } from './undici.ts'

/** The pools of this process. */
export class UpstreamPools implements Closeable {
  readonly #open = new Set<UpstreamPool>()
  readonly #clusters = new WeakSet<Cluster>()
  #closed = false

  /** The endpoint's pool as the cluster's configuration wants it now. Throws when the pools are closed. */
  of(cluster: Cluster, endpoint: Endpoint): UpstreamPool {
    const attached = endpoint.attachment
    if (attached instanceof UpstreamPool && attached.resource === cluster.resource && !attached.closed) return attached
    return this.#renew(cluster, endpoint, attached instanceof UpstreamPool && !attached.closed ? attached : null)
  }

  /** Pools that are open. */
  get size(): number {
    return this.#open.size
  }

  /** Settles when all requests under way have ended. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#open, (pool) => pool.close()))
  }

  /** Ends all requests under way with `error`. */
  async destroy(error: Error | null): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#open, (pool) => pool.destroy(error)))
  }

  #renew(cluster: Cluster, endpoint: Endpoint, before: UpstreamPool | null): UpstreamPool {
    if (this.#closed) throw new errors.ClientClosedError()
    if (before !== null && sameConnections(before.resource, cluster.resource)) {
      before.resource = cluster.resource
      return before
    }
    void before?.close()
    if (!this.#clusters.has(cluster)) {
      this.#clusters.add(cluster)
      cluster.onEndpointRemoved?.(closePool)
    }
    const pool = new UpstreamPool(cluster, endpoint, this.#open)
    this.#open.add(pool)
    endpoint.attachment = pool
    return pool
  }
}

/** An endpoint's connections. */
export class UpstreamPool implements Closeable {
  /** The cluster's configuration that the pool serves. */
  resource: Cluster['resource']
  readonly #pool: InstanceType<typeof Pool>
  readonly #endpoint: Endpoint
  readonly #siblings: Set<UpstreamPool>

  constructor(cluster: Cluster, endpoint: Endpoint, siblings: Set<UpstreamPool>) {
    this.resource = cluster.resource
    this.#endpoint = endpoint
    this.#siblings = siblings
    const { idleTimeoutMs, maxRequestsPerConnection } = cluster.resource
    const idle = idleTimeoutMs === 0 ? LONGEST_TIMEOUT_MS : Math.min(idleTimeoutMs, LONGEST_TIMEOUT_MS)
    const http2 = cluster.resource.protocol === 'http2'
    const options = {
      connections: null,
      pipelining: 1,
      allowH2: http2,
      // Without TLS there is no ALPN: HTTP/2 begins at once, as Envoy does it (prior knowledge, RFC 9113 3.3).
      useH2c: http2,
      connect: createConnector(cluster, endpoint),
      keepAliveTimeout: idle,
      keepAliveMaxTimeout: idle,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      ...(maxRequestsPerConnection === null ? null : { maxRequestsPerClient: maxRequestsPerConnection }),
    }
    this.#pool = new Pool(
      socketPath(endpoint.address) === null ? `http://${endpoint.key}` : 'http://localhost',
      options,
    )
  }

  dispatch(options: DispatchOptions, handler: DispatchHandler): void {
    this.#pool.dispatch(options, handler)
    // A request that was on its way here when the endpoint left.
    if (this.#endpoint.removed) void this.close()
  }

  get closed(): boolean {
    return this.#pool.closed || this.#pool.destroyed
  }

  /** The endpoint is gone: its idle connections close now, the others when their requests have ended. */
  async close(): Promise<void> {
    if (!this.closed) await this.#pool.close()
    this.#siblings.delete(this)
  }

  async destroy(error: Error | null): Promise<void> {
    if (!this.#pool.destroyed) await this.#pool.destroy(error)
    this.#siblings.delete(this)
  }
}

function closePool(endpoint: Endpoint): void {
  const pool = endpoint.attachment
  if (pool instanceof UpstreamPool) void pool.close()
}

/** Whether two versions of a cluster want the same of their connections. */
function sameConnections(a: Cluster['resource'], b: Cluster['resource']): boolean {
  return (
    a.connectTimeoutMs === b.connectTimeoutMs &&
    a.idleTimeoutMs === b.idleTimeoutMs &&
    a.maxRequestsPerConnection === b.maxRequestsPerConnection &&
    a.protocol === b.protocol
  )
}

// setTimeout turns a longer delay into 1 ms.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1
// HttpProtocolOptions.max_response_headers_kb's default in Envoy.
const MAX_HEADER_BYTES = 60 * 1024
