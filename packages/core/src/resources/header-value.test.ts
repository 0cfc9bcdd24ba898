import { describe, expect, it } from 'vitest'
import { commandOperators, literalValue } from './header-value.ts'

describe('header values', () => {
  it('writes %% for a percent sign', () => {
    expect(literalValue('100%%')).toBe('100%')
    expect(literalValue('%%%%')).toBe('%%')
    expect(literalValue('plain')).toBe('plain')
  })

  it.each([
    ['plain', []],
    ['100%%', []],
    ['%PROTOCOL%', ['%PROTOCOL%']],
    ['a %REQ(x%%y)% b %START_TIME(%Y-%m)%', ['%REQ(x%%y)%', '%START_TIME(%Y-%m)%']],
    ['%%%PROTOCOL%%%', ['%PROTOCOL%']],
  ])('finds the operators of %o', (format, operators) => expect(commandOperators(format)).toEqual(operators))

  it.each(['%', '100%', '%PROTOCOL', '%REQ(x'])('finds that %o is not closed', (format) =>
    expect(commandOperators(format)).toBe(null),
  )
})
