// Accepted sockets whose inbound policy is not known yet. They are not read, their errors are caught, they end at a
// deadline, and they take part in the server's close, closeIdleConnections and closeAllConnections.
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '@inmesh/core'

interface Held {
  readonly timer: Timer
  readonly onClose: () => void
}

/** The sockets that one server holds. */
export class HeldSockets {
  readonly #clock: Clock
  readonly #server: Server
  readonly #sockets = new Map<Socket, Held>()

  constructor(clock: Clock, server: Server) {
    this.#clock = clock
    this.#server = server
  }

  get size(): number {
    return this.#sockets.size
  }

  /** Holds a socket, no longer than the server waits for a request's head. */
  hold(socket: Socket): void {
    const onClose = (): void => {
      this.release(socket)
    }
    const deadlineMs = this.#server.headersTimeout > 0 ? this.#server.headersTimeout : HEADERS_TIMEOUT_MS
    const timer = this.#clock.schedule(deadlineMs, () => socket.destroy())
    socket.on('error', ignore)
    socket.on('close', onClose)
    this.#sockets.set(socket, { timer, onClose })
  }

  /** Lets go of a socket; false when it is gone already. */
  release(socket: Socket): boolean {
    const held = this.#sockets.get(socket)
    if (held === undefined) return false
    this.#sockets.delete(socket)
    held.timer.cancel()
    socket.removeListener('close', held.onClose)
    // An error may still be on its way when the socket goes down; only a living socket gets its listeners anew.
    if (socket.destroyed) return false
    socket.removeListener('error', ignore)
    return true
  }

  destroy(): void {
    for (const socket of this.#sockets.keys()) socket.destroy()
  }
}

function ignore(): void {}

// node:http's default of http.Server.headersTimeout.
const HEADERS_TIMEOUT_MS = 60_000
