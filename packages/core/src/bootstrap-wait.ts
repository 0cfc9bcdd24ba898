// What happens to look-ups before their configuration comes: the `bootstrap` option. A configuration that has not arrived
// is not a permission, so each mode says what it does for calls and for listening addresses.
//
//     cache    waits, then calls pass through with one warning, and connections are refused
//     wait     waits, then both are refused
//     bypass   both pass at once
//
// The first look-up starts the wait. Once the control plane has answered anything, each new name has a wait of its own;
// before that, who comes after the wait is decided at once.
import { Reply } from './exchange/reply.ts'
import { ResponseFlag } from './exchange/response-flag.ts'
import type { LookUp } from './look-up.ts'
import type { BootstrapMode } from './options.ts'
import { PASS_THROUGH } from './outbound.ts'
import type { Clock } from './runtime/clock.ts'
import type { Logger } from './runtime/log.ts'

/** What the wait depends on. */
export interface BootstrapOptions {
  readonly mode: BootstrapMode
  /** Milliseconds; INMESH_WAIT. */
  readonly waitMs: number
  /** The control plane's address, for the warning. */
  readonly xds: string
}

/** The refusal while there is no configuration: 503, details `mesh_not_ready`. */
export const meshNotReady: Reply = new Reply(503, 'mesh not ready', ResponseFlag.NoRouteFound, 'mesh_not_ready')

/** Decides look-ups that the configuration has not decided in time. */
export class BootstrapWait {
  readonly #options: BootstrapOptions
  readonly #clock: Clock
  readonly #log: Logger
  #startedAt: number | null = null
  #answered = false
  #warned = false

  constructor(options: BootstrapOptions, clock: Clock, log: Logger) {
    this.#options = options
    this.#clock = clock
    this.#log = log
  }

  /** Whether the control plane has answered anything. */
  get answered(): boolean {
    return this.#answered
  }

  /** The control plane has answered: there is a configuration, or it says that there is none. */
  onAnswer(): void {
    this.#answered = true
  }

  /** Watches over a look-up that is new and open. */
  guard<T extends object>(side: 'outbound' | 'inbound', name: string, lookUp: LookUp<T>): void {
    if (this.#options.mode === 'bypass') {
      lookUp.decide(PASS_THROUGH)
      return
    }
    const now = this.#clock.now()
    this.#startedAt ??= now
    const until = (this.#answered ? now : this.#startedAt) + this.#options.waitMs
    if (until <= now) this.#decide(side, name, lookUp)
    else {
      this.#clock.schedule(until - now, () => {
        if (lookUp.open) this.#decide(side, name, lookUp)
      })
    }
  }

  #decide<T extends object>(side: 'outbound' | 'inbound', name: string, lookUp: LookUp<T>): void {
    const passes = side === 'outbound' && this.#options.mode === 'cache'
    this.#warn(passes, name)
    lookUp.decide(passes ? PASS_THROUGH : meshNotReady)
  }

  /** One line until the control plane has answered for the first time, then one per name. */
  #warn(passes: boolean, name: string): void {
    if (!this.#answered && this.#warned) return
    this.#warned = true
    const { waitMs, xds } = this.#options
    this.#log.warn(
      `no configuration from ${xds} for ${name} within ${waitMs} ms: ` +
        (passes
          ? 'calls pass through without the mesh until it arrives'
          : 'it is refused until the configuration arrives'),
      { hint: 'is the agent running, and does INMESH_XDS name it?' },
    )
  }
}
