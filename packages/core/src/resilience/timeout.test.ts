import { describe, expect, test } from 'vitest'
import { FakeClock } from '../testing/fake-clock.ts'
import { Timeouts, timeoutsOf, type TimeoutTarget } from './timeout.ts'

function target(notes: string[], name: string): TimeoutTarget {
  return { onTimeout: (tag) => void notes.push(`${name}${tag}`) }
}

describe('Timeouts', () => {
  test('tell each target once, when its own time is up and not before', () => {
    const clock = new FakeClock()
    const timeouts = new Timeouts(clock)
    const notes: string[] = []
    timeouts.start(100, clock.now(), target(notes, 'a'), 0)
    clock.advance(40)
    timeouts.start(100, clock.now(), target(notes, 'b'), 1)
    timeouts.start(10, clock.now(), target(notes, 'c'), 2)
    clock.advance(9)
    expect(notes).toEqual([])
    clock.advance(1)
    expect(notes).toEqual(['c2'])
    clock.advance(50)
    expect(notes).toEqual(['c2', 'a0'])
    clock.advance(39)
    expect(notes).toEqual(['c2', 'a0'])
    clock.advance(1)
    expect(notes).toEqual(['c2', 'a0', 'b1'])
    clock.advance(1000)
    expect(notes).toHaveLength(3)
  })

  test.each([
    ['first', 0, ['b1', 'c2']],
    ['middle', 1, ['a0', 'c2']],
    ['last', 2, ['a0', 'b1']],
  ])('a cancelled timeout is silent: the %s of three', (_, which, expected) => {
    const clock = new FakeClock()
    const timeouts = new Timeouts(clock)
    const notes: string[] = []
    const started = ['a', 'b', 'c'].map((name, tag) => timeouts.start(100, clock.now(), target(notes, name), tag))
    started[which]?.cancel()
    started[which]?.cancel()
    clock.advance(100)
    expect(notes).toEqual(expected)
    for (const timeout of started) timeout.cancel()
  })

  test('share one timer per length and leave none behind', () => {
    const clock = new FakeClock()
    const timeouts = new Timeouts(clock)
    const started = Array.from({ length: 100 }, () => timeouts.start(100, clock.now(), target([], ''), 0))
    expect(clock.pendingTimers).toBe(1)
    for (const timeout of started) timeout.cancel()
    clock.advance(100)
    expect(clock.pendingTimers).toBe(0)
  })

  test('a queue that was emptied and filled again still keeps time', () => {
    const clock = new FakeClock()
    const timeouts = new Timeouts(clock)
    const notes: string[] = []
    timeouts.start(100, clock.now(), target(notes, 'a'), 0).cancel()
    clock.advance(60)
    timeouts.start(100, clock.now(), target(notes, 'b'), 0)
    clock.advance(99)
    expect(notes).toEqual([])
    clock.advance(1)
    expect(notes).toEqual(['b0'])
  })

  test('a target may start and cancel timeouts while it is told', () => {
    const clock = new FakeClock()
    const timeouts = new Timeouts(clock)
    const notes: string[] = []
    const later = target(notes, 'later')
    const first = timeouts.start(
      50,
      clock.now(),
      { onTimeout: () => (second.cancel(), timeouts.start(50, clock.now(), later, 9)) },
      0,
    )
    const second = timeouts.start(50, clock.now(), target(notes, 'second'), 0)
    clock.advance(50)
    first.cancel()
    expect(notes).toEqual([])
    clock.advance(50)
    expect(notes).toEqual(['later9'])
  })

  test('belong to their clock', () => {
    const [one, other] = [new FakeClock(), new FakeClock()]
    expect(timeoutsOf(one)).toBe(timeoutsOf(one))
    expect(timeoutsOf(other)).not.toBe(timeoutsOf(one))
    expect(timeoutsOf(one)).toBe(timeoutsOf(one))
  })
})
