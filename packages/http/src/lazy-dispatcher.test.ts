import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, test } from 'vitest'
import { DISPATCHER_SLOTS, LazyDispatcher, type SlotDispatcher } from './lazy-dispatcher.ts'

const slots = globalThis as unknown as Record<symbol, unknown>
const before = DISPATCHER_SLOTS.map((slot) => Object.getOwnPropertyDescriptor(globalThis, slot))

afterEach(() => {
  DISPATCHER_SLOTS.forEach((slot, i) => {
    const descriptor = before[i]
    if (descriptor === undefined) Reflect.deleteProperty(globalThis, slot)
    else Object.defineProperty(globalThis, slot, descriptor)
  })
})

class Recorder implements SlotDispatcher {
  readonly calls: unknown[][] = []
  dispatch(...args: unknown[]): boolean {
    this.calls.push(args)
    return false
  }
}

describe('the stand-in in the global slots', () => {
  test('calls for the mesh at the first request, once, and hands on what has waited in its order', () => {
    let loads = 0
    const lazy = new LazyDispatcher(() => Promise.resolve(++loads))
    expect(loads).toBe(0)
    expect(lazy.dispatch('a', 'h')).toBe(true)
    expect(lazy.dispatch('b', 'i')).toBe(true)
    expect(loads).toBe(1)
    const real = new Recorder()
    lazy.settle(real)
    expect(lazy.dispatch('c', 'j')).toBe(false)
    expect(real.calls).toEqual([
      ['a', 'h'],
      ['b', 'i'],
      ['c', 'j'],
    ])
  })

  test('hands a request on in the async context of its caller', () => {
    const caller = new AsyncLocalStorage<string>()
    const lazy = new LazyDispatcher(() => Promise.resolve())
    caller.run('one', () => lazy.dispatch('a', 'h'))
    caller.run('two', () => lazy.dispatch('b', 'i'))
    const seen: unknown[] = []
    lazy.settle({ dispatch: () => seen.push(caller.getStore()) > 0 })
    expect(seen).toEqual(['one', 'two'])
  })

  test('takes both slots and gives them back as they were', () => {
    const lazy = new LazyDispatcher(() => Promise.resolve())
    lazy.install()
    expect(DISPATCHER_SLOTS.map((slot) => slots[slot])).toEqual([lazy, lazy])
    lazy.lift()
    expect(DISPATCHER_SLOTS.map((slot) => Object.getOwnPropertyDescriptor(globalThis, slot))).toEqual(before)
  })

  test('leaves a slot alone that somebody else has taken since', () => {
    const lazy = new LazyDispatcher(() => Promise.resolve())
    lazy.install()
    const other = new Recorder()
    slots[DISPATCHER_SLOTS[0]] = other
    lazy.lift()
    expect(slots[DISPATCHER_SLOTS[0]]).toBe(other)
    expect(slots[DISPATCHER_SLOTS[1]]).not.toBe(lazy)
  })

  test('fails requests when nothing can be loaded, in the words of either handler', () => {
    const lazy = new LazyDispatcher(() => Promise.resolve())
    const errors: unknown[] = []
    lazy.dispatch({}, { onResponseError: (_controller: null, error: Error) => errors.push(error) })
    lazy.refuse('broken')
    lazy.dispatch({}, { onError: (error: Error) => errors.push(error) })
    expect(errors).toEqual(['broken', 'broken'])
  })

  test('has the rest of a Dispatcher', async () => {
    const lazy = new LazyDispatcher(() => Promise.resolve()) as LazyDispatcher & {
      compose(interceptor: unknown): SlotDispatcher
      request(options: object): Promise<unknown>
    }
    const real = new Recorder()
    const composed = lazy.compose(
      (dispatch: SlotDispatcher['dispatch']) => (options: object, handler: unknown) =>
        dispatch({ ...options, seen: true }, handler),
    )
    composed.dispatch({ path: '/' }, 'h')
    void lazy.request({ path: '/', method: 'GET', origin: 'http://a' })
    lazy.settle(real)
    expect(real.calls.map(([options]) => options)).toEqual([
      { path: '/', seen: true },
      { path: '/', method: 'GET', origin: 'http://a' },
    ])
    await lazy.close()
    await lazy.destroy()
  })
})
