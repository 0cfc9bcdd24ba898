import { describe, expect, it } from 'vitest'
import { Exchange } from '../exchange/exchange.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { RequestHead } from '../exchange/head.ts'
import type { HeaderAddition, HeaderMutations } from '../resources/route-configuration.ts'
import { compileHeaderMutation, inOrder } from './header-mutation.ts'

const NONE: HeaderMutations = { requestAdd: [], requestRemove: [], responseAdd: [], responseRemove: [] }
const add = (
  name: string,
  value: string,
  action: HeaderAddition['action'] = 'append',
  keepEmptyValue = false,
): HeaderAddition => ({ name, value, action, keepEmptyValue })

function apply(mutations: Partial<HeaderMutations>, ...flat: string[]): string[] {
  const headers = new HeaderMap(flat)
  const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', headers), null, 0, 0)
  compileHeaderMutation({ ...NONE, ...mutations }, 'request')?.apply(headers, x)
  return headers.flat
}

describe('compileHeaderMutation', () => {
  it.each<[HeaderAddition, string[], string[]]>([
    [add('x', '2'), ['x', '1'], ['x', '1', 'x', '2']],
    [add('x', '2'), [], ['x', '2']],
    [add('x', '2', 'add_if_absent'), ['x', '1'], ['x', '1']],
    [add('x', '2', 'add_if_absent'), [], ['x', '2']],
    [add('x', '2', 'overwrite_or_add'), ['x', '1', 'y', '0', 'x', '3'], ['x', '2', 'y', '0']],
    [add('x', '2', 'overwrite_or_add'), [], ['x', '2']],
    [add('x', '2', 'overwrite_if_exists'), ['x', '1'], ['x', '2']],
    [add('x', '2', 'overwrite_if_exists'), [], []],
  ])('%o turns %o into %o', (addition, before, after) => {
    expect(apply({ requestAdd: [addition] }, ...before)).toEqual(after)
  })

  it('removes before it adds', () => {
    expect(apply({ requestRemove: ['x'], requestAdd: [add('x', '2')] }, 'x', '1')).toEqual(['x', '2'])
    expect(apply({ requestRemove: ['x'], requestAdd: [add('x', '2', 'add_if_absent')] }, 'x', '1')).toEqual(['x', '2'])
    expect(apply({ requestRemove: ['x'], requestAdd: [add('x', '2', 'overwrite_if_exists')] }, 'x', '1')).toEqual([])
  })

  it('overwrites before it appends, whatever the order of the list', () => {
    expect(apply({ requestAdd: [add('x', 'a'), add('x', 'b', 'overwrite_or_add')] }, 'x', '1')).toEqual([
      'x',
      'b',
      'x',
      'a',
    ])
  })

  it('judges absence before anything is overwritten or added', () => {
    const requestAdd = [
      add('x', '1', 'overwrite_or_add'),
      add('x', '2', 'add_if_absent'),
      add('x', '3', 'add_if_absent'),
    ]
    expect(apply({ requestAdd })).toEqual(['x', '1', 'x', '2', 'x', '3'])
    const existing = [add('y', '1', 'overwrite_or_add'), add('y', '2', 'overwrite_if_exists')]
    expect(apply({ requestAdd: existing })).toEqual(['y', '1'])
  })

  it('leaves out empty values unless they are to be kept', () => {
    expect(apply({ requestAdd: [add('x', '')] })).toEqual([])
    expect(apply({ requestAdd: [add('x', '', 'overwrite_or_add')] }, 'x', '1')).toEqual(['x', '1'])
    expect(apply({ requestAdd: [add('x', '', 'append', true)] })).toEqual(['x', ''])
  })

  it('writes %% for a percent sign', () => {
    expect(apply({ requestAdd: [add('x', '100%%')] })).toEqual(['x', '100%'])
  })

  it('is null where nothing changes', () => {
    expect(compileHeaderMutation(NONE, 'request')).toBe(null)
    expect(compileHeaderMutation({ ...NONE, responseRemove: ['x'] }, 'request')).toBe(null)
    expect(compileHeaderMutation({ ...NONE, responseRemove: ['x'] }, 'response')).not.toBe(null)
    expect(inOrder([null, null])).toBe(null)
  })
})
