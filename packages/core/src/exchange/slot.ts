// Typed places on an Exchange where filters keep what belongs to one request, without a Map per request.
import type { Exchange } from './exchange.ts'

/** A numbered place in `Exchange.slots`. */
export class Slot<T> {
  readonly index: number

  constructor() {
    this.index = slots++
  }

  get(x: Exchange): T | undefined {
    return x.slots[this.index] as T | undefined
  }

  set(x: Exchange, value: T): void {
    x.slots[this.index] = value
  }
}

let slots = 0
