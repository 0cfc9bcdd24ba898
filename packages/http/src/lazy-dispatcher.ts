// What stands in the global dispatcher slots until a process makes its first request: nothing of the mesh or of undici is
// loaded for a process that makes none. Requests that come while the mesh loads wait here; then they go on as if they had
// been dispatched to it.
import { AsyncResource } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'

/** An undici dispatcher as the global slots hold it; handlers and options are passed on as they are. */
export interface SlotDispatcher {
  dispatch(options: unknown, handler: unknown): boolean
}

/** How the first request calls for the mesh; it installs its dispatcher and settles this one. */
export type LoadMesh = () => Promise<unknown>

/** The slots of undici 6 and 7 (Node 22, 24) and of undici 8 (Node 26). */
export const DISPATCHER_SLOTS: readonly [symbol, symbol] = [
  Symbol.for('undici.globalDispatcher.1'),
  Symbol.for('undici.globalDispatcher.2'),
]

/** Stands in until `settle`. */
export class LazyDispatcher extends EventEmitter implements SlotDispatcher {
  readonly #load: LoadMesh
  readonly #before: readonly (PropertyDescriptor | undefined)[]
  // Each in the async context of its caller: its trace and what the application keeps there go on with it.
  #waiting: [options: unknown, handler: unknown, context: AsyncResource][] = []
  #loading = false
  #real: SlotDispatcher | null = null
  #hold: NodeJS.Timeout | null = null

  constructor(load: LoadMesh) {
    super()
    this.#load = load
    this.#before = DISPATCHER_SLOTS.map((slot) => Object.getOwnPropertyDescriptor(globalThis, slot))
  }

  /** Puts itself into both slots. */
  install(): void {
    for (const slot of DISPATCHER_SLOTS) {
      Object.defineProperty(globalThis, slot, { value: this, writable: true, configurable: true, enumerable: false })
    }
  }

  /** Puts the slots back as they were, where nobody else has taken them since. */
  lift(): void {
    DISPATCHER_SLOTS.forEach((slot, i) => {
      if ((globalThis as Record<symbol, unknown>)[slot] !== this) return
      const before = this.#before[i]
      if (before === undefined) Reflect.deleteProperty(globalThis, slot)
      else Object.defineProperty(globalThis, slot, before)
    })
  }

  /** Whether requests go on already. */
  get settled(): boolean {
    return this.#real !== null
  }

  /** Nothing can be loaded: requests fail, those that wait and those that come. */
  refuse(error: unknown): void {
    this.settle({
      dispatch: (_options, handler) => {
        const { onResponseError, onError } = handler as Record<string, ((...args: unknown[]) => void) | undefined>
        if (onResponseError !== undefined) onResponseError.call(handler, null, error)
        else onError?.call(handler, error)
        return false
      },
    })
  }

  /** The mesh's dispatcher is there, or what takes its place; requests that wait go to it. */
  settle(real: SlotDispatcher): void {
    this.#real = real
    const waiting = this.#waiting
    this.#waiting = []
    for (const [options, handler, context] of waiting) context.runInAsyncScope(() => real.dispatch(options, handler))
    if (this.#hold !== null) clearInterval(this.#hold)
    this.#hold = null
  }

  dispatch(options: unknown, handler: unknown): boolean {
    if (this.#real !== null) return this.#real.dispatch(options, handler)
    this.#waiting.push([options, handler, new AsyncResource('inmesh.waiting')])
    if (!this.#loading) {
      this.#loading = true
      // A program that only waits for its answer must not end before the code has been loaded.
      this.#hold = setInterval(() => {}, LONGEST_DELAY_MS)
      void this.#load()
    }
    return true
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    return Promise.resolve()
  }
}

// The rest of undici's Dispatcher, for an application that asks the global dispatcher for more than dispatch.
for (const name of ['compose', 'request', 'stream', 'pipeline', 'upgrade', 'connect'] as const) {
  Object.defineProperty(LazyDispatcher.prototype, name, {
    value(this: LazyDispatcher, ...args: unknown[]): unknown {
      const require = createRequire(import.meta.url)
      const methods = (
        name === 'compose'
          ? (require('undici/lib/dispatcher/dispatcher.js') as { prototype: unknown }).prototype
          : require('undici/lib/api/index.js')
      ) as Record<string, (...args: unknown[]) => unknown>
      return (methods[name] as (...args: unknown[]) => unknown).apply(this, args)
    },
    writable: true,
    configurable: true,
  })
}

// setInterval turns a longer delay into 1 ms.
const LONGEST_DELAY_MS = 2 ** 31 - 1
