// The inbound half as an adapter sees it: a compiled listener for an address that this process listens on.
import type { Connection } from './exchange/connection.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { RequestHead, ResponseHead } from './exchange/head.ts'
import type { Reply } from './exchange/reply.ts'

/** What an accepted connection may be, before its first byte was understood. */
export interface Inbound {
  /** The connection's facts are known: which filter chain it gets. Null: no chain matches, close it. */
  accept(connection: Connection): InboundConnection | null
  /** Called once for each connection that has to be closed because the policy no longer admits it (STRICT arrived). */
  onPolicyChange(close: () => void): { cancel(): void }
}

/** A connection that was admitted. */
export interface InboundConnection {
  /** Makes a call. Nothing happens until `begin()`. */
  call(head: RequestHead): InboundCall
}

/** One request from a peer to the application. */
export interface InboundCall {
  readonly exchange: Exchange
  /** Runs the request phase. 'continue': give it to the application. A reply: send it (its response phase has run) and complete. */
  begin(): 'continue' | InboundReply | Promise<'continue' | InboundReply>
  /** The application's response head, about to be sent: the response phase may change it. */
  onResponse(head: ResponseHead): void
  onRequestBytes(bytes: number): void
  onResponseBytes(bytes: number): void
  /** The response left whole, or the connection went away before that. Exactly once. */
  onComplete(outcome: 'finished' | 'aborted'): void
}

/** A local reply ready to be sent. */
export interface InboundReply {
  readonly reply: Reply
  readonly head: ResponseHead
}
