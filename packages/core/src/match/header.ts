// Header matching (config/route/v3 HeaderMatcher), compiled. Fields of one name are joined by commas before matching, as
// Envoy does; `:method`, `:scheme`, `:authority`, `:path` and `host` read the request's head.
import type { RequestHead } from '../exchange/head.ts'
import type { HeaderMatch } from '../resources/matchers.ts'
import { StringMatcher } from './string.ts'

/** A compiled HeaderMatcher. */
export class HeaderMatcher {
  readonly #name: string
  readonly #kind: 'string' | 'present' | 'range'
  readonly #string: StringMatcher | null
  readonly #present: boolean
  readonly #start: bigint
  readonly #end: bigint
  readonly #invert: boolean
  readonly #missingAsEmpty: boolean

  constructor(header: HeaderMatch) {
    const { match } = header
    this.#name = header.name
    this.#kind = match.kind
    this.#string = match.kind === 'string' ? new StringMatcher(match.string) : null
    this.#present = match.kind === 'present' && match.present
    this.#start = match.kind === 'range' ? match.start : 0n
    this.#end = match.kind === 'range' ? match.end : 0n
    this.#invert = header.invert
    this.#missingAsEmpty = header.treatMissingAsEmpty
  }

  /** Whether the request's field matches, `invert` taken into account. */
  matches(head: RequestHead): boolean {
    return this.matchesValue(requestField(head, this.#name))
  }

  /** As `matches`, for a field's value; null is a missing field. */
  matchesValue(value: string | null): boolean {
    if (this.#kind === 'present') return ((value !== null) === this.#present) !== this.#invert
    // A missing field matches nothing, inverted or not, unless it counts as empty.
    if (value === null && !this.#missingAsEmpty) return false
    const text = value ?? ''
    const matched = this.#string === null ? this.#inRange(text) : this.#string.matches(text)
    return matched !== this.#invert
  }

  #inRange(text: string): boolean {
    const number = decimal(text)
    return number !== null && number >= this.#start && number < this.#end
  }
}

/** Whether every matcher matches. */
export function matchesAllHeaders(matchers: readonly HeaderMatcher[], head: RequestHead): boolean {
  for (let i = 0; i < matchers.length; i++) if (!(matchers[i] as HeaderMatcher).matches(head)) return false
  return true
}

/** A field of a request by its name in lower case, pseudo headers included; null when it is not there. */
export function requestField(head: RequestHead, name: string): string | null {
  switch (name) {
    case ':method':
      return head.method
    case ':scheme':
      return head.scheme
    case ':path':
      return head.path
    // Envoy has only :authority; a Host field of HTTP/1 has become it.
    case ':authority':
    case 'host':
      return head.authority
    default:
      return head.headers.get(name)
  }
}

/** A whole text as a decimal number, as absl::SimpleAtoi reads it: blanks around and one sign are allowed. */
function decimal(text: string): bigint | null {
  const trimmed = text.trim()
  let at = trimmed[0] === '-' || trimmed[0] === '+' ? 1 : 0
  if (at === trimmed.length || trimmed.length > 20) return null
  for (; at < trimmed.length; at++) {
    const code = trimmed.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return null
  }
  return BigInt(trimmed[0] === '+' ? trimmed.slice(1) : trimmed)
}
