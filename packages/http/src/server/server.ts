// One http.Server of the application, meshed: it registers where it listens, holds accepted connections until the inbound
// policy is known, admits them, and runs every request through the mesh before the application sees it.
//
//     connection -> held (policy unknown) -> admitted -> requests
//                -> passed through           closed (no filter chain, or the policy refuses)
//
// The server's own emit is replaced, on the instance: servers that are not meshed stay as they are, and whoever wraps
// http.Server.prototype.emit (OpenTelemetry does) still comes after us.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Inbound, type ListenAddress, type Mesh, NOT_READY, PASS_THROUGH, type Reply } from '@inmesh/core'
import { AsyncRequestContext } from '../context/request-context.ts'
import { admit, type AdmittedConnection, CONNECTION, type MeshedSocket } from './connection.ts'
import { HeldSockets } from './held-sockets.ts'
import { MESHED } from '../process-mesh.ts'
import { type Forward, onRequest, onUpgrade } from './request-listener.ts'
import { installResponseHook } from './response-hook.ts'
import type { Served } from './server-call.ts'

/** How a server is meshed. */
export interface MeshServerOptions {
  /** What core reads the current request's context from; default: one that nobody reads. */
  readonly context?: AsyncRequestContext
  /** Which addresses belong to the mesh; others pass through. Default: all that are not unix sockets. */
  readonly admits?: (address: ListenAddress) => boolean
  /** Where the server enters itself while it listens or has connections. */
  readonly servers?: Set<MeshServer>
}

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean
type Method = (this: unknown, ...args: unknown[]) => unknown

/** Puts the mesh in front of a server's handler; the server may listen already. A second call does nothing. */
export function meshServer<S extends Server>(mesh: Mesh, server: S, options: MeshServerOptions = {}): S {
  if (meshServerOf(server) === null) new MeshServer(mesh, server, options)
  return server
}

/** The MeshServer of a server; null when it has none. */
export function meshServerOf(server: Server): MeshServer | null {
  return (server as { [MESHED]?: MeshServer })[MESHED] ?? null
}

/** A meshed http.Server. */
export class MeshServer implements Served {
  readonly mesh: Mesh
  readonly context: AsyncRequestContext
  readonly server: Server
  readonly connections: Set<AdmittedConnection> = new Set()
  readonly held: HeldSockets
  readonly #servers: Set<MeshServer> | null
  readonly #admits: (address: ListenAddress) => boolean
  /** Emit as it was on the instance itself; null for the prototype's, which is looked up each time. */
  readonly #ownEmit: Emit | null
  /** Where it listens, as far as that is the mesh's; null otherwise. */
  #address: ListenAddress | null = null
  /** The last answer, for connections that come after the release: a look-up would register anew. */
  #last: Inbound | typeof PASS_THROUGH | typeof NOT_READY = NOT_READY
  #draining = false
  #released = false

  constructor(mesh: Mesh, server: Server, options: MeshServerOptions) {
    this.mesh = mesh
    this.server = server
    this.context = options.context ?? new AsyncRequestContext()
    this.#servers = options.servers ?? null
    this.#admits = options.admits ?? (() => true)
    this.held = new HeldSockets(mesh.clock, server)
    this.#ownEmit = Object.hasOwn(server, 'emit') ? (server as unknown as { emit: Emit }).emit : null
    installResponseHook()
    this.#install()
    if (server.listening) this.#onListening()
  }

  /** Whether no request is under way. */
  get idle(): boolean {
    for (const connection of this.connections) if (!connection.idle) return false
    return true
  }

  /** From now on responses say `Connection: close`, and callers are told to go elsewhere. */
  drain(): void {
    this.#draining = true
    this.release()
    for (const connection of this.connections) connection.closing = true
  }

  /** The control plane is told that this process no longer listens here. */
  release(): void {
    const address = this.#address
    if (address === null || this.#released) return
    this.#released = true
    guarded(this.mesh, () => this.mesh.releaseInbound(address), undefined)
  }

  #install(): void {
    const { server } = this
    own(server, MESHED, this)
    own(server, 'emit', (event: string, ...args: unknown[]): boolean => {
      const emit = this.#onEvent(event, args[0], args[1], args[2])
      return emit ?? this.#emit().call(server, event, ...args)
    })
    // Held sockets have no parser, so node:http does not know them. close() calls closeIdleConnections().
    this.#before('closeIdleConnections', () => this.held.destroy())
    this.#before('closeAllConnections', () => this.held.destroy())
    this.#before('close', () => this.#forget())
  }

  /** Does something before a method of the server; one that the application has replaced stays replaced. */
  #before(name: 'close' | 'closeIdleConnections' | 'closeAllConnections', task: () => void): void {
    const { server } = this
    const replaced = Object.hasOwn(server, name) ? (server as unknown as Record<string, Method>)[name] : undefined
    own(server, name, (...args: unknown[]): unknown => {
      task()
      const method = replaced ?? (this.#prototype() as unknown as Record<string, Method>)[name]
      return method?.apply(server, args)
    })
  }

  #forget(): void {
    this.release()
    this.#address = null
  }

  #prototype(): Server {
    return Object.getPrototypeOf(this.server) as Server
  }

  #emit(): Emit {
    return this.#ownEmit ?? (this.#prototype() as unknown as { emit: Emit }).emit
  }

  readonly #forward: Forward = (event, a, b, c) =>
    c === undefined ? this.#emit().call(this.server, event, a, b) : this.#emit().call(this.server, event, a, b, c)

  /** Null leaves the event to the application as it is. */
  #onEvent(event: string, a: unknown, b: unknown, c: unknown): boolean | null {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        const connection = connectionOf(a as IncomingMessage)
        if (connection === undefined) return null
        return onRequest(this, connection, this.#forward, event, a as IncomingMessage, b as ServerResponse)
      }
      case 'upgrade':
      case 'connect': {
        const connection = connectionOf(a as IncomingMessage)
        if (connection === undefined) return null
        return onUpgrade(this, connection, this.#forward, event, [a as IncomingMessage, b as Duplex, c as Buffer])
      }
      case 'connection':
        return this.#address === null ? null : this.#onConnection(this.#address, a as Socket)
      case 'listening':
        this.#onListening()
        return null
      case 'close':
        this.#forget()
        this.#servers?.delete(this)
        return null
      default:
        return null
    }
  }

  #onListening(): void {
    if (this.#address !== null) return
    const address = this.server.address()
    // A unix socket or a pipe is nobody's way into this workload from outside.
    if (address === null || typeof address === 'string') return
    const where = { address: address.address, port: address.port }
    if (!this.#admits(where)) return
    this.#address = where
    this.#released = false
    this.#servers?.add(this)
    guarded(this.mesh, () => this.mesh.inbound(where), REFUSED)
  }

  #onConnection(address: ListenAddress, socket: Socket): boolean {
    if (this.#released) return this.#decide(this.#last === NOT_READY ? REFUSED : this.#last, socket)
    const inbound = guarded(this.mesh, () => this.mesh.inbound(address), REFUSED)
    if (inbound !== NOT_READY) {
      this.#last = inbound
      return this.#decide(inbound, socket)
    }
    this.held.hold(socket)
    void this.mesh.whenInbound(address).then((answer) => {
      if (answer === PASS_THROUGH || 'accept' in answer) this.#last = answer
      // A tick of its own: what a 'connection' listener of the application throws is no promise's affair.
      process.nextTick(() => {
        if (this.held.release(socket)) this.#decide(answer, socket)
      })
    })
    return true
  }

  #decide(inbound: Inbound | Reply | typeof PASS_THROUGH, socket: Socket): boolean {
    if (socket.destroyed) return true
    if (inbound === PASS_THROUGH) return this.#emit().call(this.server, 'connection', socket)
    const connection = 'accept' in inbound ? this.#admit(inbound, socket) : null
    if (connection === null) {
      socket.destroy()
      return true
    }
    return this.#emit().call(this.server, 'connection', socket)
  }

  #admit(inbound: Inbound, socket: Socket): AdmittedConnection | null {
    const admitted = guarded(this.mesh, () => admit(socket, inbound), null)
    if (admitted === null) return null
    admitted.closing = this.#draining
    this.connections.add(admitted)
    socket.once('close', () => {
      this.connections.delete(admitted)
      admitted.onClose()
    })
    this.#keepAlive()
    return admitted
  }

  /** Peers keep idle connections as long as Envoy does; node:http's own default is shorter than their requests' gaps. */
  #keepAlive(): void {
    if (this.server.keepAliveTimeout === NODE_KEEP_ALIVE_MS) this.server.keepAliveTimeout = IDLE_TIMEOUT_MS
  }
}

function connectionOf(req: IncomingMessage): AdmittedConnection | undefined {
  return (req.socket as MeshedSocket)[CONNECTION]
}

/** A fault of ours stays with us: what it asked for is refused. */
function guarded<T>(mesh: Mesh, task: () => T, otherwise: T): T {
  try {
    return task()
  } catch (error) {
    mesh.log.error('inbound policy failed', { error: String(error) })
    return otherwise
  }
}

function own(server: Server, name: string | symbol, value: unknown): void {
  Object.defineProperty(server, name, { value, writable: true, configurable: true, enumerable: false })
}

// Neither an Inbound nor a permission.
const REFUSED = {} as Inbound
// http.Server.keepAliveTimeout, where the application has not set one.
const NODE_KEEP_ALIVE_MS = 5_000
// core.v3.HttpProtocolOptions.idle_timeout, default 1 h.
const IDLE_TIMEOUT_MS = 3_600_000
