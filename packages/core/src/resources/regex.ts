// Regular expressions with RE2's syntax and linear time (type/matcher/v3 RegexMatcher), for decoders that check them and for
// match/. A pattern must match the whole input, as RE2::FullMatch does for Envoy's safe_regex.
import { createRequire } from 'node:module'
import type { RE2JS } from 're2js'

/** A compiled pattern. */
export class Regex {
  readonly pattern: string
  readonly #re: RE2JS

  constructor(pattern: string, re: RE2JS) {
    this.pattern = pattern
    this.#re = re
  }

  /** Whether the whole of `text` matches. */
  matches(text: string): boolean {
    return this.#re.testExact(text)
  }

  /** `text` with every match replaced; `\1` to `\9` stand for groups, `\0` for the match, `\\` for a backslash, as in RE2. */
  replaceAll(text: string, substitution: string): string {
    const matcher = this.#re.matcher(text)
    let replaced = ''
    let from = 0
    while (matcher.find()) {
      replaced += text.slice(from, matcher.start())
      for (let i = 0; i < substitution.length; i++) {
        const c = substitution[i] as string
        if (c !== '\\') replaced += c
        else {
          const next = substitution[++i] ?? ''
          const group = next >= '0' && next <= '9' ? Number(next) : -1
          replaced += group < 0 ? next : group <= matcher.groupCount() ? (matcher.group(group) ?? '') : ''
        }
      }
      from = matcher.end()
    }
    return replaced + text.slice(from)
  }
}

/** Patterns longer than this are refused; Istio's own limit is 1,024. */
export const MAX_PATTERN_LENGTH = 4096

/** Compiles a pattern; a string is the reason why RE2 refuses it. */
export function compileRegex(pattern: string): Regex | string {
  if (pattern.length > MAX_PATTERN_LENGTH) return `longer than ${MAX_PATTERN_LENGTH} characters`
  try {
    return new Regex(pattern, re2().compile(pattern))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

// Loaded with the first pattern: most configurations have none, and it takes 8 ms.
let loaded: typeof RE2JS | null = null

function re2(): typeof RE2JS {
  loaded ??= (createRequire(import.meta.url)('re2js') as { RE2JS: typeof RE2JS }).RE2JS
  return loaded
}
