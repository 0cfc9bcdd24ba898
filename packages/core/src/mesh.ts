// The mesh of this process: what adapters look destinations and listening addresses up in.
import type { Exchange } from './exchange/exchange.ts'
import type { Reply } from './exchange/reply.ts'
import type { Inbound } from './inbound.ts'
import type { NOT_READY, Outbound, PASS_THROUGH } from './outbound.ts'
import type { Clock } from './runtime/clock.ts'
import type { Logger } from './runtime/log.ts'

/** Where a request wants to go. The URL's host and port choose the listener, the Host header the virtual host. */
export interface Target {
  readonly scheme: 'http' | 'https'
  /** Lower case, without brackets. */
  readonly host: string
  readonly port: number
}

/** The mesh as adapters use it. */
export interface Mesh {
  /** Synchronous. The first look-up of a destination asks the control plane for it and answers NOT_READY. */
  outbound(target: Target): Outbound | typeof PASS_THROUGH | typeof NOT_READY
  /** Settles when the configuration is there, or when the bootstrap mode decides without it: a Reply refuses. Never rejects. */
  whenOutbound(target: Target): Promise<Outbound | typeof PASS_THROUGH | Reply>
  /** The first look-up of an address registers this process as listening there. */
  inbound(address: ListenAddress): Inbound | typeof PASS_THROUGH | typeof NOT_READY
  /** As whenOutbound, for an address: a Reply means that connections are to be closed. */
  whenInbound(address: ListenAddress): Promise<Inbound | typeof PASS_THROUGH | Reply>
  /** This process no longer listens there: the control plane is told. */
  releaseInbound(address: ListenAddress): void
  readonly clock: Clock
  readonly log: Logger
  /**
   * Settles when the control plane has answered for the first time, or the last good state was loaded. As nobody is asked
   * before the first look-up, it settles without an answer when there was none.
   */
  ready(): Promise<void>
  /** Prometheus text of this process. */
  metrics(): Promise<string>
  /** The configuration in force, as JSON. */
  configDump(): unknown
  close(): Promise<void>
  /** For tests and taps: called at every completion; errors in it are logged. */
  onExchange(listener: (x: Exchange) => void): { cancel(): void }
}

/** An address as `server.address()` gives it. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}
