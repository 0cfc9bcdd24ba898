import { FakeClock } from '@inmesh/core/testing'
import { expect, test } from 'vitest'
import { PushQueue } from './push-queue.ts'

test('a single change goes out at once', () => {
  let pushes = 0
  const queue = new PushQueue(new FakeClock(), () => pushes++)
  queue.add()
  expect(pushes).toBe(1)
})

test('changes that follow closely go out together', () => {
  const clock = new FakeClock()
  let pushes = 0
  const queue = new PushQueue(clock, () => pushes++)
  for (let i = 0; i < 100; i++) queue.add()
  expect(pushes).toBe(1)
  clock.advance(5)
  expect(pushes).toBe(2)
  clock.advance(1_000)
  expect(pushes).toBe(2)
})

test('a storm is pushed ten times a second at the most, and the last change is never lost', () => {
  const clock = new FakeClock()
  let pushes = 0
  let state = 0
  let pushed = 0
  const queue = new PushQueue(clock, () => {
    pushes++
    pushed = state
  })
  for (let i = 0; i < 1_000; i++) {
    state++
    queue.add()
    clock.advance(1)
  }
  clock.advance(100)
  expect(pushed).toBe(1_000)
  expect(pushes).toBeLessThan(17)
})

test('after a quiet moment the next change goes out at once again', () => {
  const clock = new FakeClock()
  let pushes = 0
  const queue = new PushQueue(clock, () => pushes++)
  queue.add()
  queue.add()
  clock.advance(1_000)
  queue.add()
  expect(pushes).toBe(3)
})

test('closing drops what waits', () => {
  const clock = new FakeClock()
  let pushes = 0
  const queue = new PushQueue(clock, () => pushes++)
  queue.add()
  queue.add()
  queue.close()
  clock.advance(1_000)
  expect(pushes).toBe(1)
  expect(clock.pendingTimers).toBe(0)
})
