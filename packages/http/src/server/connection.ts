// A connection that a peer opened to this process, from its acceptance to its end: what is known of it, whether the
// inbound policy admits it, and the requests under way on it. What the first bytes mean (TLS of the mesh or plaintext) is
// decided in `understand`, before the policy is asked.
import { AsyncResource } from 'node:async_hooks'
import type { Socket } from 'node:net'
import type { Connection, Inbound, InboundConnection } from '@inmesh/core'
import type { ServerCall } from './server-call.ts'

/** Where a socket keeps its admitted connection. */
export const CONNECTION: unique symbol = Symbol('inmesh.connection')

/** A socket that may carry an admitted connection. */
export interface MeshedSocket extends Socket {
  [CONNECTION]?: AdmittedConnection
}

/** A connection that the policy admitted. */
export class AdmittedConnection {
  readonly socket: Socket
  readonly inbound: InboundConnection
  /** The async context as it was when the connection came; those of its requests are made within. */
  readonly scope: AsyncResource = new AsyncResource('INMESH_CONNECTION', { requireManualDestroy: true })
  /** True once it is to end: the policy has changed, or the server drains. Responses then say `Connection: close`. */
  closing = false
  /** The requests under way, as a list through their `next`. */
  #first: ServerCall | null = null
  #policy: { cancel(): void } | null = null

  constructor(socket: Socket, inbound: InboundConnection) {
    this.socket = socket
    this.inbound = inbound
  }

  /** Whether no request is under way. */
  get idle(): boolean {
    return this.#first === null
  }

  /** Closes when the policy no longer admits it. */
  follow(policy: Inbound): void {
    this.#policy = policy.onPolicyChange(() => this.end())
  }

  add(call: ServerCall): void {
    call.next = this.#first
    if (this.#first !== null) this.#first.previous = call
    this.#first = call
  }

  remove(call: ServerCall): void {
    if (call.previous === null) this.#first = call.next
    else call.previous.next = call.next
    if (call.next !== null) call.next.previous = call.previous
    call.previous = null
    call.next = null
  }

  /** Ends it as soon as the requests under way are answered; an upgraded one at once. */
  end(): void {
    this.closing = true
    if (this.idle) this.socket.destroySoon()
    else if (this.#first !== null && this.#first.upgraded) this.socket.destroy()
  }

  /** A request of this connection has been completed. */
  settle(): void {
    if (this.closing && this.idle && !this.socket.destroyed) this.socket.destroySoon()
  }

  /** The socket is gone: so are the requests on it. */
  onClose(): void {
    this.#policy?.cancel()
    for (let call = this.#first; call !== null; call = this.#first) call.onGone()
  }
}

/** What is known of a connection once its first bytes are understood. Without TLS of the mesh nothing has to be read. */
export function understand(socket: Socket): Connection {
  return {
    remoteAddress: plainAddress(socket.remoteAddress),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress),
    localPort: socket.localPort ?? 0,
    mtls: false,
    principal: null,
    alpn: null,
    serverName: null,
  }
}

/** Asks the policy. Null: no filter chain takes the connection, it has to be closed. */
export function admit(socket: MeshedSocket, inbound: Inbound): AdmittedConnection | null {
  const accepted = inbound.accept(understand(socket))
  if (accepted === null) return null
  const connection = new AdmittedConnection(socket, accepted)
  connection.follow(inbound)
  socket[CONNECTION] = connection
  return connection
}

/** An IPv4 peer of a socket that listens on both families is shown as IPv4, so that address rules fit it. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address
}

const MAPPED = '::ffff:'
