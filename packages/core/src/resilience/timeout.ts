// Timeouts of requests. Routes have few distinct timeouts and most never run out, so requests of one length wait in one
// queue, in order, behind one timer: starting and cancelling is a list operation and not a timer of its own.
//
//   length 2000:  head -> at 5000 -> at 5010 -> at 5025        one Clock timer, set for the head
//   length 15000: head -> at 9000 -> ...
import type { Clock } from '../runtime/clock.ts'

/** Hears that its time ran out. Must not throw. */
export interface TimeoutTarget {
  /** `tag` is what was given to `start`. */
  onTimeout(tag: number): void
}

/** A timeout under way. */
export class Timeout {
  readonly at: number
  readonly tag: number
  target: TimeoutTarget | null
  previous: Timeout | null = null
  next: Timeout | null = null
  readonly queue: TimeoutQueue

  constructor(at: number, tag: number, target: TimeoutTarget | null, queue: TimeoutQueue) {
    this.at = at
    this.tag = tag
    this.target = target
    this.queue = queue
  }

  /** Takes it back. Calling it again, or after it ran out, does nothing. */
  cancel(): void {
    if (this.target === null) return
    this.queue.remove(this)
  }
}

/** Timeouts of one length. */
class TimeoutQueue {
  head: Timeout | null = null
  tail: Timeout | null = null
  // The timer outlives the timeout it was set for: a queue that is emptied and refilled keeps it.
  #armed = false
  readonly #clock: Clock
  readonly #delayMs: number
  readonly #onIdle: (delayMs: number) => void

  constructor(clock: Clock, delayMs: number, onIdle: (delayMs: number) => void) {
    this.#clock = clock
    this.#delayMs = delayMs
    this.#onIdle = onIdle
  }

  add(now: number, target: TimeoutTarget, tag: number): Timeout {
    const timeout = new Timeout(now + this.#delayMs, tag, target, this)
    timeout.previous = this.tail
    if (this.tail === null) this.head = timeout
    else this.tail.next = timeout
    this.tail = timeout
    if (!this.#armed) this.#arm(this.#delayMs)
    return timeout
  }

  remove(timeout: Timeout): void {
    timeout.target = null
    if (timeout.previous === null) this.head = timeout.next
    else timeout.previous.next = timeout.next
    if (timeout.next === null) this.tail = timeout.previous
    else timeout.next.previous = timeout.previous
    timeout.previous = null
    timeout.next = null
  }

  #arm(delayMs: number): void {
    this.#armed = true
    this.#clock.schedule(delayMs, () => this.#expire())
  }

  #expire(): void {
    const now = this.#clock.now()
    for (let due = this.head; due !== null && due.at <= now; due = this.head) {
      const target = due.target
      this.remove(due)
      target?.onTimeout(due.tag)
    }
    this.#armed = false
    if (this.head === null) this.#onIdle(this.#delayMs)
    else this.#arm(Math.max(0, this.head.at - this.#clock.now()))
  }
}

/** All timeouts under one clock. */
export class Timeouts {
  readonly #clock: Clock
  readonly #queues = new Map<number, TimeoutQueue>()
  readonly #onIdle = (delayMs: number): void => {
    this.#queues.delete(delayMs)
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Tells `target` `delayMs` milliseconds after `now`, which is what the clock says. */
  start(delayMs: number, now: number, target: TimeoutTarget, tag: number): Timeout {
    let queue = this.#queues.get(delayMs)
    if (queue === undefined) {
      queue = new TimeoutQueue(this.#clock, delayMs, this.#onIdle)
      this.#queues.set(delayMs, queue)
    }
    return queue.add(now, target, tag)
  }
}

const byClock = new WeakMap<Clock, Timeouts>()
let lastClock: Clock | null = null
let last: Timeouts | null = null

/** The timeouts of a clock; a process has one clock, so that the last answer is nearly always the next. */
export function timeoutsOf(clock: Clock): Timeouts {
  if (clock === lastClock && last !== null) return last
  let timeouts = byClock.get(clock)
  if (timeouts === undefined) {
    timeouts = new Timeouts(clock)
    byClock.set(clock, timeouts)
  }
  lastClock = clock
  last = timeouts
  return timeouts
}
