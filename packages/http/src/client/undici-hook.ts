// Global fetch and undici's own functions look for their dispatcher in two slots of globalThis: `.1` for the handlers of
// undici 6 and 7 (the fetch of Node 22 and 24), `.2` for those of undici 8 (Node 26). Installing puts the mesh's
// dispatcher into both and remembers what was there: that is where requests go that are not the mesh's.
//
// An application that calls setGlobalDispatcher afterwards puts its own on top. The slots are plain writable properties,
// so it neither fails nor is refused; a later `install` can look at what is in them and go on top again.
import type { Fallback } from './dispatcher.ts'
import { createAgent, type DispatchHandler, type DispatchOptions, wrapHandler } from './undici.ts'

/** The state before installing: what the two slots held, undefined where nobody had made a dispatcher yet. */
export class GlobalDispatchers implements Fallback {
  readonly #before: readonly (PropertyDescriptor | undefined)[]
  #installed: Fallback | null = null
  #own: Fallback | null = null

  constructor() {
    this.#before = SLOTS.map((slot) => Object.getOwnPropertyDescriptor(globalThis, slot))
  }

  /**
   * Sends a request out as if there were no mesh: by the slot that the caller's undici would have used, and where that
   * was empty by a plain Agent, as undici would have made one.
   */
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    const modern = typeof handler === 'object' && handler !== null && typeof handler.onRequestStart === 'function'
    const before = this.#before[modern ? 1 : 0]?.value as Fallback | undefined
    if (before !== undefined) return before.dispatch(options, handler)
    this.#own ??= createAgent() as Fallback
    if (modern) return this.#own.dispatch(options, handler)
    // Callers of undici 6 and 7 know no HTTP/2.
    return this.#own.dispatch({ ...options, allowH2: false } as DispatchOptions, wrapHandler(handler))
  }

  /** Puts `dispatcher` into both slots, as undici itself would; only a frozen globalThis keeps it out. */
  install(dispatcher: Fallback): void {
    this.#installed = dispatcher
    for (const slot of SLOTS) {
      const present = Object.getOwnPropertyDescriptor(globalThis, slot)
      const configurable = present === undefined || present.configurable === true
      const attributes = { writable: true, enumerable: false, configurable }
      Reflect.defineProperty(globalThis, slot, { value: dispatcher, ...attributes })
    }
  }

  /** Puts back what was there, in each slot that nobody else has taken since. */
  uninstall(): void {
    const installed = this.#installed
    if (installed === null) return
    this.#installed = null
    SLOTS.forEach((slot, i) => {
      const present = Object.getOwnPropertyDescriptor(globalThis, slot)
      if (present?.value !== installed) return
      const before = this.#before[i]
      if (before !== undefined) Reflect.defineProperty(globalThis, slot, before)
      // undici takes an undefined dispatcher for none.
      else if (!Reflect.deleteProperty(globalThis, slot)) Reflect.defineProperty(globalThis, slot, { value: undefined })
    })
  }
}

const SLOTS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')] as const
