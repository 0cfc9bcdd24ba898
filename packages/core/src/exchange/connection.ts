// A downstream connection's facts. Facts only: each request on it is decided anew.

/** What is known of a connection when its first byte has been understood. */
export interface Connection {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** True once mutual TLS of the mesh carries it. */
  readonly mtls: boolean
  /** SPIFFE id of the peer's certificate; null on plaintext. */
  readonly principal: string | null
  readonly alpn: string | null
  readonly serverName: string | null
}

/** A filter on the TCP and TLS half: sees a connection before any request. */
export interface ConnectionFilter {
  readonly name: string
  /** Lets the connection pass, or closes it. May wait; the connection is not read meanwhile. */
  onConnection(connection: Connection): 'continue' | 'close' | Promise<'continue' | 'close'>
}
