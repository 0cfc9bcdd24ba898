import { AsyncLocalStorage } from 'node:async_hooks'
import { context, type ContextManager, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import { seededRandom } from '../runtime/random.ts'
import { IdSource } from './id-source.ts'
import { RequestIds } from './request-id.ts'
import { activeSpan, childOf, enrich, hasOpenTelemetry, startTrace, traceContextOf } from './trace.ts'

const HEX32 = /^[0-9a-f]{32}$/
const HEX16 = /^[0-9a-f]{16}$/

describe('without OpenTelemetry', () => {
  test('a trace has random ids and no state', () => {
    const started = startTrace(new IdSource(seededRandom(1)), 100)
    expect(started).toMatchObject({
      traceId: expect.stringMatching(HEX32),
      spanId: expect.stringMatching(HEX16),
      state: '',
    })
  })

  test.each([
    [0, 0, 0],
    [100, 1_000, 1_000],
    [1, 3, 30],
  ])('at %f percent, between %i and %i of 1,000 traces are sampled', (percent, least, most) => {
    const ids = new IdSource(seededRandom(7))
    let sampled = 0
    for (let i = 0; i < 1_000; i++) sampled += startTrace(ids, percent).flags
    expect(sampled).toBeGreaterThanOrEqual(least)
    expect(sampled).toBeLessThanOrEqual(most)
  })

  test('a child keeps all but the span id', () => {
    const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), flags: 1, state: 'x=1' }
    const child = childOf(parent, new IdSource(seededRandom(1)))
    expect(child).toEqual({ ...parent, spanId: expect.stringMatching(HEX16) })
    expect(child.spanId).not.toBe(parent.spanId)
  })

  test('ids are never all zero', () => {
    const ids = new IdSource({ next: () => 0, hex: (bytes) => '00'.repeat(bytes) })
    const started = startTrace(ids, 0)
    expect(started.traceId).toBe(`${'0'.repeat(31)}1`)
    expect(started.spanId).toBe(`${'0'.repeat(15)}1`)
  })

  test('no digits are handed out twice', () => {
    const ids = new IdSource(seededRandom(3))
    const seen = new Set(Array.from({ length: 5_000 }, (_, i) => ids.take(i % 2 === 0 ? 32 : 16)))
    expect(seen.size).toBe(5_000)
  })

  test('request ids are version 4 UUIDs, each its own', () => {
    const ids = new RequestIds(new IdSource(seededRandom(5)))
    const seen = new Set(Array.from({ length: 2_000 }, () => ids.next()))
    expect(seen.size).toBe(2_000)
    for (const id of seen) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('there is no active span', () => {
    expect(hasOpenTelemetry()).toBe(false)
    expect(activeSpan()).toBeNull()
  })
})

describe('with the OpenTelemetry API of the application', () => {
  afterEach(() => context.disable())

  const spanContext = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), traceFlags: 1 }

  test('the active span is found by the global object alone', () => {
    context.setGlobalContextManager(new Manager())
    expect(hasOpenTelemetry()).toBe(true)
    expect(activeSpan()).toBeNull()
    const span = trace.wrapSpanContext(spanContext)
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => {
      expect(activeSpan()).toBe(span)
      expect(traceContextOf(span)).toEqual({ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16), flags: 1, state: '' })
    })
  })

  test('a span without a valid context is none', () => {
    context.setGlobalContextManager(new Manager())
    const span = trace.wrapSpanContext({ traceId: '0'.repeat(32), spanId: '0'.repeat(16), traceFlags: 0 })
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => expect(activeSpan()).toBeNull())
  })

  test('a context manager that throws costs nothing but the span', () => {
    const manager = new Manager()
    manager.active = () => {
      throw new Error('broken')
    }
    context.setGlobalContextManager(manager)
    expect(activeSpan()).toBeNull()
  })

  test('only a recording span is given attributes, and its errors stay with it', () => {
    const given: unknown[] = []
    const span = trace.wrapSpanContext(spanContext)
    const recording = Object.assign(Object.create(span) as typeof span, {
      isRecording: () => true,
      setAttributes: (attributes: unknown) => {
        given.push(attributes)
        throw new Error('broken')
      },
    })
    enrich(span, { a: 1 })
    enrich(recording, { a: 2 })
    expect(given).toEqual([{ a: 2 }])
  })
})

class Manager implements ContextManager {
  readonly #storage = new AsyncLocalStorage<ReturnType<ContextManager['active']>>()

  active(): ReturnType<ContextManager['active']> {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    of: ReturnType<ContextManager['active']>,
    fn: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(of, () => fn.apply(thisArg, args))
  }

  bind<T>(_: ReturnType<ContextManager['active']>, target: T): T {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
}
