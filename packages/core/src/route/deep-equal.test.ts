import { describe, expect, it } from 'vitest'
import { isEqual } from './deep-equal.ts'

describe('isEqual', () => {
  it.each([
    [1, 1, true],
    [1, 2, false],
    [1n, 1n, true],
    [null, undefined, false],
    [null, {}, false],
    ['a', 'a', true],
    [[], [], true],
    [[1], [1, 2], false],
    [[], {}, false],
    [{ a: [1, { b: null }] }, { a: [1, { b: null }] }, true],
    [{ a: 1 }, { b: 1 }, false],
    [{ a: undefined }, {}, false],
    [new Uint8Array([1, 2]), Buffer.from([1, 2]), true],
    [new Uint8Array([1]), new Uint8Array([2]), false],
    [new Map([['a', { b: 1 }]]), new Map([['a', { b: 1 }]]), true],
    [new Map([['a', 1]]), new Map([['b', 1]]), false],
    [new Map(), {}, false],
    [{}, new Map(), false],
  ])('%o and %o: %s', (a, b, equal) => {
    expect(isEqual(a, b)).toBe(equal)
    expect(isEqual(b, a)).toBe(equal)
  })
})
