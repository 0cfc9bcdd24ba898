// The one ADS stream of a client through its ups and downs (xds_protocol.rst; gRFC A57). It opens, tells when requests may be
// sent, passes messages on, and opens again after a back-off when it ends.
//
//     idle -> connecting -> connected -> established
//               |               |             |        ends
//               +---------------+-------------+-----> backing-off -> connecting
//                                                          |
//     closed <- any                                        +-------> idle, when nothing is wanted any more
import type { Clock, Timer } from '../runtime/clock.ts'
import { MeshError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import { ReconnectBackoff } from './reconnect-backoff.ts'
import type { StreamEvents, XdsStream, XdsTransport } from './transport.ts'

/** Where the stream stands. */
export type AdsStreamState =
  /** Nothing is wanted: no connection. */
  | 'idle'
  /** The stream is opened, the connection does not stand yet. */
  | 'connecting'
  /** Requests are sent; nothing has been answered. */
  | 'connected'
  /** The control plane has answered at least once. */
  | 'established'
  /** The stream is gone and a timer runs until the next one. */
  | 'backing-off'
  /** For good. */
  | 'closed'

/** Who the stream belongs to. */
export interface AdsStreamOwner {
  /** Whether there is a reason to have a stream. */
  isWanted(): boolean
  /** Requests may be sent. */
  onConnected(): void
  /** A message came. What this throws ends the stream. */
  onMessage(message: Uint8Array): void
  /** The stream is gone. Null: it had answered, so that its end is nothing special (gRFC A57). */
  onDown(error: MeshError | null): void
  onState(state: AdsStreamState): void
}

/** What a stream is made of. */
export interface AdsStreamOptions {
  readonly transport: XdsTransport
  readonly method: 'StreamAggregatedResources' | 'DeltaAggregatedResources'
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Keeps one ADS stream open while it is wanted. */
export class AdsStream {
  readonly #options: AdsStreamOptions
  readonly #owner: AdsStreamOwner
  readonly #backoff: ReconnectBackoff
  #state: AdsStreamState = 'idle'
  #stream: XdsStream | null = null
  #timer: Timer | null = null
  #warned = false
  #held = true

  constructor(options: AdsStreamOptions, owner: AdsStreamOwner) {
    this.#options = options
    this.#owner = owner
    this.#backoff = new ReconnectBackoff(options.random)
  }

  get state(): AdsStreamState {
    return this.#state
  }

  /** ## idle -> connecting. Does nothing in any other state. */
  start(): void {
    if (this.#state === 'idle') this.#connect()
  }

  /** Sends a request. Only while connected or established. */
  send(message: Uint8Array): void {
    this.#stream?.send(message)
  }

  /** Whether the open stream keeps the process alive. */
  hold(held: boolean): void {
    this.#held = held
    this.#stream?.hold(held)
  }

  /** ## any -> closed */
  close(): void {
    this.#timer?.cancel()
    this.#stream?.end()
    this.#stream = null
    this.#enter('closed')
  }

  #connect(): void {
    this.#enter('connecting')
    // Events of a stream that was given up are not ours any more.
    const events: StreamEvents = {
      onConnected: () => {
        if (this.#stream === stream) this.#onConnected()
      },
      onMessage: (message) => {
        if (this.#stream === stream) this.#onMessage(message)
      },
      onEnd: (status, details) => {
        if (this.#stream === stream) this.#down(this.#state === 'established', `${details} (gRPC status ${status})`)
      },
    }
    const stream = this.#options.transport.open(this.#options.method, events)
    this.#stream = stream
    stream.hold(this.#held)
  }

  /** ## connecting -> connected */
  #onConnected(): void {
    this.#enter('connected')
    this.#owner.onConnected()
  }

  /** ## connected -> established */
  #onMessage(message: Uint8Array): void {
    try {
      this.#owner.onMessage(message)
    } catch (error) {
      this.#stream?.end()
      this.#down(
        false,
        `the control plane sent a message that cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      )
      return
    }
    if (this.#state !== 'connected') return
    this.#enter('established')
    this.#backoff.reset()
    if (this.#warned) this.#options.log.info('the control plane answers again')
    this.#warned = false
  }

  /** ## connecting, connected, established -> backing-off or idle */
  #down(answered: boolean, details: string): void {
    this.#stream = null
    const error = new MeshError('MESH_XDS_UNAVAILABLE', `the control plane cannot be reached: ${details}`, {
      hint: 'Is the agent running, and does the option xds (INMESH_XDS) name its address? The configuration in force stays.',
    })
    this.#tell(answered, error)
    this.#enter('backing-off')
    this.#owner.onDown(answered ? null : error)
    this.#backoff.next().then(
      (delayMs) => this.#wait(delayMs),
      (failure: unknown) => this.#options.log.error('no back-off for the ADS stream', { error: String(failure) }),
    )
  }

  #wait(delayMs: number): void {
    if (this.#state !== 'backing-off') return
    this.#options.log.debug('the ADS stream is opened again', { delayMs: Math.round(delayMs) })
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      if (this.#owner.isWanted()) this.#connect()
      else this.#enter('idle')
    })
  }

  /** One warning for a time of failure, not one for each attempt. */
  #tell(answered: boolean, error: MeshError): void {
    if (answered || this.#warned) this.#options.log.debug('the ADS stream ended', { reason: error.message })
    else this.#options.log.warn(error.message, { hint: error.hint })
    if (!answered) this.#warned = true
  }

  #enter(state: AdsStreamState): void {
    if (this.#state === state || this.#state === 'closed') return
    this.#state = state
    this.#owner.onState(state)
  }
}
