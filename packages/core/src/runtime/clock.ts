// Time as a dependency: everything in inmesh reads time and sets timers through a Clock, so that tests can turn it by hand.

/** A timer that has been set. */
export interface Timer {
  /** Takes the timer back. Calling it again, or after it fired, does nothing. */
  cancel(): void
}

/** The source of time. */
export interface Clock {
  /** Monotonic milliseconds, with fractions. For durations and deadlines. */
  now(): number
  /** Milliseconds since the Unix epoch. For logs, spans and certificates. */
  wallTime(): number
  /** Runs `task` once, `delayMs` milliseconds from now. The timer never keeps the process alive. */
  schedule(delayMs: number, task: () => void): Timer
}

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout

  constructor(delayMs: number, task: () => void) {
    this.#handle = setTimeout(task, Math.min(delayMs, LONGEST_DELAY_MS))
    this.#handle.unref()
  }

  cancel(): void {
    clearTimeout(this.#handle)
  }
}

// The global is an accessor, which costs more to read than the clock itself.
const monotonic = globalThis.performance

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => monotonic.now(),
  wallTime: () => Date.now(),
  schedule: (delayMs, task) => new SystemTimer(delayMs, task),
}

// setTimeout turns a longer delay into 1 ms.
const LONGEST_DELAY_MS = 2 ** 31 - 1
