// What the attempts of a call need of the call: its exchange, its surroundings, and the ways out.
import type { Exchange } from '../exchange/exchange.ts'
import type { Reply } from '../exchange/reply.ts'
import type { AttemptSink } from './attempt-sink.ts'
import type { OutboundManager } from './outbound-manager.ts'

/** The call that an UpstreamCall belongs to. */
export interface UpstreamOwner {
  readonly exchange: Exchange
  readonly manager: OutboundManager
  readonly sink: AttemptSink
  /** The request has left whole. */
  readonly requestComplete: boolean
  /** The request can't be sent a second time. */
  readonly bodyLost: boolean
  /** Gives a local reply downstream and completes. */
  reply(reply: Reply): void
  /** Completes: the response ended, well or not. */
  complete(): void
  /** A fault of ours outside of the adapter's calls. */
  fault(error: unknown): void
}
