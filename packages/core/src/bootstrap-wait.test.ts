import { describe, expect, test } from 'vitest'
import { BootstrapWait, meshNotReady } from './bootstrap-wait.ts'
import { LookUp } from './look-up.ts'
import { NOT_READY, PASS_THROUGH } from './outbound.ts'
import type { Logger } from './runtime/log.ts'
import { FakeClock } from './testing/fake-clock.ts'

describe('before the first configuration', () => {
  test.each([
    ['cache', 'outbound', PASS_THROUGH],
    ['cache', 'inbound', meshNotReady],
    ['wait', 'outbound', meshNotReady],
    ['wait', 'inbound', meshNotReady],
  ] as const)('bootstrap %s: %s waits, and is decided after the wait', async (mode, side, decided) => {
    const { clock, wait } = setUp(mode)
    const lookUp = new LookUp<object>()
    wait.guard(side, 'x', lookUp)
    clock.advance(4_999)
    expect(lookUp.open).toBe(true)
    clock.advance(1)
    expect(lookUp.open).toBe(false)
    expect(await lookUp.when()).toBe(decided)
  })

  test.each(['outbound', 'inbound'] as const)('bootstrap bypass: %s passes at once', (side) => {
    const { wait } = setUp('bypass')
    const lookUp = new LookUp<object>()
    wait.guard(side, 'x', lookUp)
    expect(lookUp.answer).toBe(PASS_THROUGH)
  })

  test('who comes after the wait does not wait again', () => {
    const { clock, wait } = setUp('cache')
    wait.guard('outbound', 'first', new LookUp())
    clock.advance(5_000)
    const late = new LookUp<object>()
    wait.guard('outbound', 'late', late)
    expect(late.answer).toBe(PASS_THROUGH)
  })

  test('who comes within the wait waits for what is left of it', () => {
    const { clock, wait } = setUp('cache')
    wait.guard('outbound', 'first', new LookUp())
    clock.advance(4_000)
    const second = new LookUp<object>()
    wait.guard('outbound', 'second', second)
    clock.advance(999)
    expect(second.open).toBe(true)
    clock.advance(1)
    expect(second.answer).toBe(PASS_THROUGH)
  })

  test('a configuration that comes in time is not overruled', () => {
    const { clock, wait, lines } = setUp('cache')
    const lookUp = new LookUp<object>()
    wait.guard('outbound', 'x', lookUp)
    const configured = {}
    lookUp.configure(configured)
    clock.advance(60_000)
    expect(lookUp.answer).toBe(configured)
    expect(lines).toEqual([])
  })

  test('there is one line of warning, however many names are decided', () => {
    const { clock, wait, lines } = setUp('cache')
    for (const name of ['a', 'b', 'c']) wait.guard('outbound', name, new LookUp())
    clock.advance(5_000)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('unix:///agent.sock')
    expect(lines[0]).toContain('pass through')
  })
})

describe('after the control plane has answered once', () => {
  test('each new name has a wait of its own, and its own line', () => {
    const { clock, wait, lines } = setUp('cache')
    wait.guard('outbound', 'first', new LookUp())
    wait.onAnswer()
    clock.advance(3_600_000)
    const fresh = new LookUp<object>()
    wait.guard('outbound', 'fresh', fresh)
    expect(fresh.answer).toBe(NOT_READY)
    clock.advance(5_000)
    expect(fresh.answer).toBe(PASS_THROUGH)
    expect(lines.filter((line) => line.includes('fresh'))).toHaveLength(1)
  })
})

function setUp(mode: 'cache' | 'wait' | 'bypass') {
  const clock = new FakeClock()
  const lines: string[] = []
  const log: Logger = { debug() {}, info() {}, warn: (line) => lines.push(line), error() {} }
  return { clock, lines, wait: new BootstrapWait({ mode, waitMs: 5_000, xds: 'unix:///agent.sock' }, clock, log) }
}
