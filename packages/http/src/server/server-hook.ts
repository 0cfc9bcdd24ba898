// Finds the node:http servers of a process that knows nothing of the mesh: each server that starts to listen is offered
// to the mesh, which is loaded for the first one that belongs to it.
//
// Node announces listening servers on a diagnostics channel before the application hears of it. Listening to the channel
// costs nothing, whereas patching http.Server would load node:http (3 ms) into processes that never serve.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { MESHED, OWN_SERVER } from '../process-mesh.ts'

/** What the hook needs. */
export interface ServerHook {
  /** Whether an address can be the mesh's: loopback and unix sockets mostly are not. */
  admits(address: AddressInfo): boolean
  /** Loads the mesh; the result puts it in front of a server. */
  load(): Promise<(server: Server) => void>
  /** Told when loading failed; true lets the server's connections pass without the mesh. */
  failed(error: unknown): boolean
}

/** Watches for servers from now on. */
export function installServerHook(hook: ServerHook): { cancel(): void } {
  const onListening = (message: unknown): void => {
    // What throws here would end the application.
    try {
      offer(hook, (message as { server: NetServer }).server)
    } catch (error) {
      hook.failed(error)
    }
  }
  subscribe(LISTENING, onListening)
  return { cancel: () => void unsubscribe(LISTENING, onListening) }
}

function offer(hook: ServerHook, candidate: NetServer): void {
  if (OWN_SERVER in candidate || MESHED in candidate) return
  const address = candidate.address()
  if (address === null || typeof address === 'string' || !hook.admits(address)) return
  const http = process.getBuiltinModule('node:http')
  if (!(candidate instanceof http.Server)) return
  const waiting = new WaitingServer(candidate)
  hook.load().then(
    (mesh) => waiting.release(mesh),
    (error: unknown) => {
      if (hook.failed(error)) waiting.release(() => {})
      else waiting.refuse()
    },
  )
}

/** A server while the mesh loads: its connections are held, unread. */
class WaitingServer {
  readonly #server: Server
  readonly #before: PropertyDescriptor | undefined
  readonly #emit: (event: string, ...args: unknown[]) => boolean
  #sockets: Socket[] = []
  #state: 'waiting' | 'released' | 'refused' = 'waiting'

  constructor(server: Server) {
    this.#server = server
    this.#before = Object.getOwnPropertyDescriptor(server, 'emit')
    const { emit } = server as unknown as { emit: (event: string, ...args: unknown[]) => boolean }
    this.#emit = (event, ...args) => {
      if (event !== 'connection' || this.#state === 'released') return emit.call(server, event, ...args)
      this.#hold(args[0] as Socket)
      return true
    }
    Object.defineProperty(server, 'emit', {
      value: this.#emit,
      writable: true,
      configurable: true,
      enumerable: false,
    })
  }

  /** `mesh` is in front of the server from here on, and then the connections come. */
  release(mesh: (server: Server) => void): void {
    this.#state = 'released'
    const server = this.#server
    if (server.emit === this.#emit) {
      if (this.#before === undefined) Reflect.deleteProperty(server, 'emit')
      else Object.defineProperty(server, 'emit', this.#before)
    }
    mesh(server)
    // What has been closed meanwhile is nobody's listener any more, so no policy would be asked.
    if (!server.listening) this.refuse()
    for (const socket of this.#sockets.splice(0)) {
      // An error listener is the next owner's business from its 'connection' event on.
      if (!socket.destroyed) server.emit('connection', socket.removeListener('error', ignore))
    }
  }

  refuse(): void {
    this.#state = 'refused'
    for (const socket of this.#sockets.splice(0)) socket.destroy()
  }

  #hold(socket: Socket): void {
    socket.on('error', ignore)
    if (this.#state === 'refused') socket.destroy()
    else this.#sockets.push(socket)
  }
}

function ignore(): void {}

// Published for every net.Server once it listens, in Node 22.19 and later.
const LISTENING = 'tracing:net.server.listen:asyncEnd'
