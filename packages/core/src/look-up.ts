// The answer to one look-up: from "not ready" to what the configuration says. Before the configuration comes, the
// bootstrap mode may answer in its place.
//
//     waiting -> decided (by the bootstrap mode) -> configured
//     waiting -> configured                         configured -> configured, on each update
import { PASS_THROUGH, NOT_READY } from './outbound.ts'
import type { Reply } from './exchange/reply.ts'

/** One name that has been looked up. */
export class LookUp<T extends object> {
  /** What a synchronous look-up answers. */
  answer: T | typeof PASS_THROUGH | typeof NOT_READY = NOT_READY
  #refusal: Reply | null = null
  #waiting: ((answer: T | typeof PASS_THROUGH | Reply) => void)[] = []

  /** Whether nobody has answered yet. */
  get open(): boolean {
    return this.answer === NOT_READY && this.#refusal === null
  }

  /** For the configuration dump. */
  get state(): 'waiting' | 'refused' | 'pass through' | 'configured' {
    if (this.answer === PASS_THROUGH) return 'pass through'
    if (this.answer !== NOT_READY) return 'configured'
    return this.#refusal === null ? 'waiting' : 'refused'
  }

  /** Settles with the first answer. */
  when(): Promise<T | typeof PASS_THROUGH | Reply> {
    if (this.answer !== NOT_READY) return Promise.resolve(this.answer)
    if (this.#refusal !== null) return Promise.resolve(this.#refusal)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** The configuration's answer; it stands until the next. */
  configure(answer: T | typeof PASS_THROUGH): void {
    this.answer = answer
    this.#refusal = null
    this.#settle(answer)
  }

  /** An answer in the configuration's place, until that comes. */
  decide(answer: typeof PASS_THROUGH | Reply): void {
    if (answer === PASS_THROUGH) this.answer = PASS_THROUGH
    else this.#refusal = answer
    this.#settle(answer)
  }

  #settle(answer: T | typeof PASS_THROUGH | Reply): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    for (const resolve of waiting) resolve(answer)
  }
}
