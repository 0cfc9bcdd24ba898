import { describe, expect, test } from 'vitest'
import { meshNotReady } from './bootstrap-wait.ts'
import { LookUp } from './look-up.ts'
import { NOT_READY, PASS_THROUGH } from './outbound.ts'

describe('a look-up', () => {
  test('is not ready until somebody answers, and then answers everybody who waits', async () => {
    const lookUp = new LookUp<object>()
    expect(lookUp.answer).toBe(NOT_READY)
    expect(lookUp.open).toBe(true)
    const waiting = [lookUp.when(), lookUp.when()]
    const configured = {}
    lookUp.configure(configured)
    expect(await Promise.all(waiting)).toEqual([configured, configured])
    expect(lookUp.answer).toBe(configured)
    expect(await lookUp.when()).toBe(configured)
  })

  test('that was refused stays not ready for who does not wait, and refuses who does', async () => {
    const lookUp = new LookUp<object>()
    const waiting = lookUp.when()
    lookUp.decide(meshNotReady)
    expect(lookUp.answer).toBe(NOT_READY)
    expect(lookUp.open).toBe(false)
    expect(await waiting).toBe(meshNotReady)
    expect(await lookUp.when()).toBe(meshNotReady)
  })

  test.each([
    ['refused', meshNotReady],
    ['passed through', PASS_THROUGH],
  ] as const)('that was %s takes the configuration when it comes', async (_, decided) => {
    const lookUp = new LookUp<object>()
    lookUp.decide(decided)
    const configured = {}
    lookUp.configure(configured)
    expect(lookUp.answer).toBe(configured)
    expect(await lookUp.when()).toBe(configured)
  })

  test('says its state', () => {
    const lookUp = new LookUp<object>()
    const states = [lookUp.state]
    lookUp.decide(meshNotReady)
    states.push(lookUp.state)
    lookUp.decide(PASS_THROUGH)
    states.push(lookUp.state)
    lookUp.configure({})
    states.push(lookUp.state)
    expect(states).toEqual(['waiting', 'refused', 'pass through', 'configured'])
  })
})
