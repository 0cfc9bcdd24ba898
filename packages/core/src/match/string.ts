// String matching (type/matcher/v3 StringMatcher), compiled: one object per matcher, no allocation unless case is ignored.
import type { StringMatch } from '../resources/matchers.ts'
import { compileRegex, type Regex } from '../resources/regex.ts'

/** A compiled StringMatcher. */
export class StringMatcher {
  readonly #kind: StringMatch['kind']
  readonly #value: string
  readonly #ignoreCase: boolean
  readonly #regex: Regex | null

  constructor(match: StringMatch) {
    this.#kind = match.kind
    // Envoy: ignore_case has no effect on a regex, which says (?i) itself.
    this.#ignoreCase = match.ignoreCase && match.kind !== 'regex'
    this.#value = this.#ignoreCase ? match.value.toLowerCase() : match.value
    const regex = match.kind === 'regex' ? compileRegex(match.value) : null
    // Decoders refuse such a pattern; one that gets here all the same matches nothing.
    this.#regex = typeof regex === 'string' ? null : regex
  }

  matches(text: string): boolean {
    const value = this.#value
    const input = this.#ignoreCase ? text.toLowerCase() : text
    switch (this.#kind) {
      case 'exact':
        return input === value
      case 'prefix':
        return input.startsWith(value)
      case 'suffix':
        return input.endsWith(value)
      case 'contains':
        return input.includes(value)
      case 'regex':
        return this.#regex !== null && this.#regex.matches(input)
    }
  }
}
