// Debounce of pushes: a single change goes out at once, a storm is gathered. (istiod waits 100 ms after the last event,
// 10 s at the most; here the wait starts at nothing and grows while changes keep coming.)
import type { Clock, Timer } from '@inmesh/core'

/** Runs `push` for changes: the first at once, those that follow closely together. */
export class PushQueue {
  readonly #clock: Clock
  readonly #push: () => void
  #timer: Timer | null = null
  #waiting = false
  #waitMs = 0

  constructor(clock: Clock, push: () => void) {
    this.#clock = clock
    this.#push = push
  }

  /** Something changed. */
  add(): void {
    this.#waiting = true
    if (this.#timer === null) this.#flush()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#waiting = false
  }

  #flush(): void {
    this.#waiting = false
    this.#push()
    this.#waitMs = Math.min(this.#waitMs === 0 ? FIRST_WAIT_MS : this.#waitMs * 2, LONGEST_WAIT_MS)
    this.#timer = this.#clock.schedule(this.#waitMs, () => {
      this.#timer = null
      if (this.#waiting) this.#flush()
      else this.#waitMs = 0
    })
  }
}

const FIRST_WAIT_MS = 5
const LONGEST_WAIT_MS = 100
