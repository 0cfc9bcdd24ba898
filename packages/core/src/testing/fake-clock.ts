// A clock that stands still until a test turns it.
import type { Clock, Timer } from '../runtime/clock.ts'

interface Pending {
  readonly at: number
  readonly order: number
  readonly task: () => void
}

/** Time that moves only by `advance`; timers fire in the order of their times, then of their setting. */
export class FakeClock implements Clock {
  #now = 0
  #order = 0
  #pending: Pending[] = []
  readonly #epoch: number

  /** `epochMs` is what wallTime() says at the start. */
  constructor(epochMs: number = Date.UTC(2026, 0, 1)) {
    this.#epoch = epochMs
  }

  now(): number {
    return this.#now
  }

  wallTime(): number {
    return this.#epoch + this.#now
  }

  schedule(delayMs: number, task: () => void): Timer {
    const pending: Pending = { at: this.#now + Math.max(0, delayMs), order: this.#order++, task }
    this.#pending.push(pending)
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((p) => p !== pending)
      },
    }
  }

  /** Timers that are set. */
  get pendingTimers(): number {
    return this.#pending.length
  }

  /** Moves time forward by `ms` and fires what falls due, timers set meanwhile included. */
  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      let next: Pending | null = null
      for (const p of this.#pending) {
        if (p.at <= until && (next === null || p.at < next.at || (p.at === next.at && p.order < next.order))) next = p
      }
      if (next === null) break
      const due = next
      this.#pending = this.#pending.filter((p) => p !== due)
      this.#now = due.at
      due.task()
    }
    this.#now = until
  }
}
