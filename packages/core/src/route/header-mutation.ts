// Header changes of routes, compiled (config.core.v3 HeaderValueOption). Envoy's order within one level: removals, then
// what overwrites, then what adds; whether a header is there is judged before either.
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import type { HeaderAddition, HeaderMutations } from '../resources/route-configuration.ts'
import { literalValue } from '../resources/header-value.ts'

/** Changes a header map. `x` is what Envoy's formatters read. */
export interface HeaderMutation {
  apply(headers: HeaderMap, x: Exchange): void
}

/** The direction of a header change. */
export type HeaderSide = 'request' | 'response'

/** The changes of one level in one direction; null when there are none. */
export function compileHeaderMutation(mutations: HeaderMutations, side: HeaderSide): HeaderMutation | null {
  const add = side === 'request' ? mutations.requestAdd : mutations.responseAdd
  const remove = side === 'request' ? mutations.requestRemove : mutations.responseRemove
  const kept = add.map(compileAddition).filter((addition) => addition.value !== '' || addition.keepEmptyValue)
  return kept.length === 0 && remove.length === 0 ? null : new LevelMutation(remove, kept)
}

/** Several levels, one after the other; null when none changes anything. */
export function inOrder(levels: readonly (HeaderMutation | null)[]): HeaderMutation | null {
  const present = levels.filter((level) => level !== null)
  return present.length <= 1 ? (present[0] ?? null) : new Sequence(present)
}

function compileAddition(addition: HeaderAddition): HeaderAddition {
  return { ...addition, value: literalValue(addition.value) }
}

class LevelMutation implements HeaderMutation {
  readonly #remove: readonly string[]
  /** Overwriting ones first. */
  readonly #additions: readonly HeaderAddition[]
  /** Whether some depend on the header being there or not. */
  readonly #conditional: boolean

  constructor(remove: readonly string[], additions: readonly HeaderAddition[]) {
    this.#remove = remove
    this.#additions = [
      ...additions.filter(({ action }) => action.startsWith('overwrite')),
      ...additions.filter(({ action }) => !action.startsWith('overwrite')),
    ]
    this.#conditional = additions.some(({ action }) => action === 'add_if_absent' || action === 'overwrite_if_exists')
  }

  apply(headers: HeaderMap): void {
    for (let i = 0; i < this.#remove.length; i++) headers.remove(this.#remove[i] as string)
    const additions = this.#conditional
      ? this.#additions.filter((addition) => isDue(addition, headers))
      : this.#additions
    for (let i = 0; i < additions.length; i++) {
      const { name, value, action } = additions[i] as HeaderAddition
      if (action === 'append' || action === 'add_if_absent') headers.append(name, value)
      else headers.set(name, value)
    }
  }
}

function isDue({ action, name }: HeaderAddition, headers: HeaderMap): boolean {
  switch (action) {
    case 'append':
    case 'overwrite_or_add':
      return true
    case 'add_if_absent':
      return !headers.has(name)
    case 'overwrite_if_exists':
      return headers.has(name)
  }
}

class Sequence implements HeaderMutation {
  readonly #levels: readonly HeaderMutation[]

  constructor(levels: readonly HeaderMutation[]) {
    this.#levels = levels
  }

  apply(headers: HeaderMap, x: Exchange): void {
    for (let i = 0; i < this.#levels.length; i++) (this.#levels[i] as HeaderMutation).apply(headers, x)
  }
}
