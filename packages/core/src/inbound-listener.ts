// A listener for an address that this process listens on, as adapters hold it. It outlives configuration updates: a
// connection keeps facts, and each request on it is decided by the filter chain that matches at that time.
import type { CompiledInbound } from './config/compile-listener.ts'
import type { Connection } from './exchange/connection.ts'
import type { RequestHead } from './exchange/head.ts'
import { InboundHttpCall, type InboundManager } from './inbound-http-call.ts'
import type { Inbound, InboundCall, InboundConnection } from './inbound.ts'

/** Inbound over the listener in force. */
export class InboundListener implements Inbound {
  #compiled: CompiledInbound
  readonly #connections = new Set<() => void>()

  constructor(compiled: CompiledInbound) {
    this.#compiled = compiled
  }

  /** The listener in force. */
  get compiled(): CompiledInbound {
    return this.#compiled
  }

  /** Puts a newer listener in force. Connections are closed when what admits them has changed, as Envoy drains them. */
  update(compiled: CompiledInbound): void {
    const before = this.#compiled
    this.#compiled = compiled
    if (before.admission === compiled.admission) return
    const closing = [...this.#connections]
    this.#connections.clear()
    for (const close of closing) close()
  }

  accept(connection: Connection): InboundConnection | null {
    const manager = this.#compiled.match(connection)
    return manager === null ? null : new InboundHttpConnection(this, connection, manager)
  }

  onPolicyChange(close: () => void): { cancel(): void } {
    // One close may be registered for several connections, so the registration is an object of its own.
    const registration = (): void => close()
    this.#connections.add(registration)
    return {
      cancel: () => {
        this.#connections.delete(registration)
      },
    }
  }
}

/** A connection that was admitted. */
class InboundHttpConnection implements InboundConnection {
  readonly #listener: InboundListener
  readonly #connection: Connection
  #compiled: CompiledInbound
  #manager: InboundManager

  constructor(listener: InboundListener, connection: Connection, manager: InboundManager) {
    this.#listener = listener
    this.#connection = connection
    this.#compiled = listener.compiled
    this.#manager = manager
  }

  call(head: RequestHead): InboundCall {
    const compiled = this.#listener.compiled
    if (compiled !== this.#compiled) {
      this.#compiled = compiled
      // No chain any more: the connection is being closed, and until then nothing is let in.
      this.#manager = compiled.match(this.#connection) ?? compiled.refusing
    }
    return new InboundHttpCall(this.#manager, head, this.#connection)
  }
}
