import { afterEach, describe, expect, it } from 'vitest'
import { GlobalDispatchers } from './undici-hook.ts'
import type { DispatchHandler, DispatchOptions } from './undici.ts'

const ONE = Symbol.for('undici.globalDispatcher.1')
const TWO = Symbol.for('undici.globalDispatcher.2')
const slots = globalThis as unknown as Record<symbol, unknown>
const before = [slots[ONE], slots[TWO]]

class Recorder {
  readonly handlers: unknown[] = []
  dispatch(_options: DispatchOptions, handler: DispatchHandler): boolean {
    this.handlers.push(handler)
    return true
  }
}

const options: DispatchOptions = { origin: 'http://127.0.0.1:1', path: '/', method: 'GET' }
const modern = { onRequestStart() {}, onResponseError() {} }
const legacy = { onConnect() {}, onError() {} } as unknown as DispatchHandler

afterEach(() => {
  slots[ONE] = before[0]
  slots[TWO] = before[1]
})

describe("undici's global dispatcher slots", () => {
  it('both hold the installed dispatcher, and get back what they held', () => {
    const [one, two, mesh] = [new Recorder(), new Recorder(), new Recorder()]
    slots[ONE] = one
    slots[TWO] = two
    const hook = new GlobalDispatchers()
    hook.install(mesh)
    expect([slots[ONE], slots[TWO]]).toEqual([mesh, mesh])
    hook.uninstall()
    expect(slots[ONE]).toBe(one)
    expect(slots[TWO]).toBe(two)
  })

  it('keep what the application has put on top, also when the mesh leaves', () => {
    const hook = new GlobalDispatchers()
    hook.install(new Recorder())
    const own = new Recorder()
    slots[TWO] = own
    hook.uninstall()
    expect(slots[TWO]).toBe(own)
    expect(slots[ONE]).toBe(before[0])
  })

  it('are empty again when they were, so that undici makes its own', () => {
    Reflect.deleteProperty(globalThis, TWO)
    const empty = !(TWO in globalThis)
    const hook = new GlobalDispatchers()
    hook.install(new Recorder())
    hook.uninstall()
    expect(TWO in globalThis).toBe(!empty)
    expect(slots[ONE]).toBe(before[0])
  })

  it("send what is not the mesh's to the slot that the caller's undici would have used", () => {
    const [one, two] = [new Recorder(), new Recorder()]
    slots[ONE] = one
    slots[TWO] = two
    const hook = new GlobalDispatchers()
    hook.dispatch(options, modern)
    hook.dispatch(options, legacy)
    expect(two.handlers).toEqual([modern])
    expect(one.handlers).toEqual([legacy])
  })

  it.each([
    [
      'undici 8',
      (done: (error: Error) => void) => ({
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd() {},
        onResponseError: (_: unknown, error: Error) => done(error),
      }),
    ],
    [
      'undici 6',
      (done: (error: Error) => void) => ({
        onConnect() {},
        onHeaders() {},
        onData() {},
        onComplete() {},
        onError: done,
      }),
    ],
  ])('send it by a plain Agent when they were empty (%s)', async (_, handler) => {
    slots[ONE] = undefined
    slots[TWO] = undefined
    const hook = new GlobalDispatchers()
    const error = await new Promise<Error>((resolve) =>
      hook.dispatch(options, handler(resolve) as unknown as DispatchHandler),
    )
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
  })
})
