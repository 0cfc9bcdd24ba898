// Typed places on an Exchange where filters keep what belongs to one request, without a Map per request.
import type { Exchange } from './exchange.ts'

/** A numbered place in `Exchange.slots`. */
export class Slot<T> {
  readonly index: number

  constructor() {
    this.index = slots++
  }

  get(x: Exchange): T | undefined {
    return x.slots === null ? undefined : (x.slots[this.index] as T | undefined)
  }

  set(x: Exchange, value: T): void {
    // Room for the first ones at once: an array that grows takes three times as much.
    x.slots ??= [undefined, undefined, undefined, undefined, undefined, undefined]
    x.slots[this.index] = value
  }
}

let slots = 0
