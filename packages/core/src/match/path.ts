// Path matching (config/route/v3 RouteMatch.path_specifier), compiled. The query and the fragment are no part of what is
// matched; `end` says where they begin, so that nothing is cut out per route.
import type { RouteMatch } from '../resources/route-configuration.ts'
import { compileRegex, type Regex } from '../resources/regex.ts'

/** Where a path's query or fragment begins; its length when it has none. */
export function pathEnd(path: string): number {
  for (let i = 0; i < path.length; i++) {
    const code = path.charCodeAt(i)
    if (code === 0x3f || code === 0x23) return i
  }
  return path.length
}

/** A compiled path specifier. */
export class PathMatcher {
  readonly #kind: RouteMatch['path']['kind']
  readonly #value: string
  readonly #length: number
  /** The value's last character, whose comparison turns most paths down without a call; -1 where it can't be used. */
  readonly #last: number
  readonly #ignoreCase: boolean
  readonly #regex: Regex | null

  constructor(path: RouteMatch['path'], caseSensitive: boolean) {
    const value = path.kind === 'connect' ? '' : path.value
    this.#kind = path.kind
    // Envoy: case_sensitive has no effect on a regex.
    this.#ignoreCase = !caseSensitive && path.kind !== 'regex'
    this.#value = this.#ignoreCase ? value.toLowerCase() : value
    this.#length = value.length
    this.#last = this.#ignoreCase || value === '' ? -1 : value.charCodeAt(value.length - 1)
    const regex = path.kind === 'regex' ? compileRegex(value) : null
    // Decoders refuse such a pattern; one that gets here all the same matches nothing.
    this.#regex = typeof regex === 'string' ? null : regex
  }

  /** `end` is `pathEnd(path)`. CONNECT requests are matched by the connect matcher alone. */
  matches(path: string, end: number, method: string): boolean {
    const length = this.#length
    switch (this.#kind) {
      case 'prefix':
        return length <= end && this.#startsWith(path)
      case 'exact':
        return length === end && this.#startsWith(path)
      case 'path_separated_prefix':
        return length <= end && (length === end || path.charCodeAt(length) === 0x2f) && this.#startsWith(path)
      case 'regex':
        return this.#regex !== null && this.#regex.matches(end === path.length ? path : path.slice(0, end))
      case 'connect':
        return method === 'CONNECT'
      // Decoders refuse it.
      case 'uri_template':
        return false
    }
  }

  #startsWith(path: string): boolean {
    if (this.#last >= 0 && path.charCodeAt(this.#length - 1) !== this.#last) return false
    return this.#ignoreCase ? path.slice(0, this.#length).toLowerCase() === this.#value : path.startsWith(this.#value)
  }
}
