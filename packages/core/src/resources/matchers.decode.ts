// Matchers of routes, decoded and checked (type/matcher/v3 StringMatcher, config/route/v3 HeaderMatcher).
import type { HeaderMatcher, QueryParameterMatcher } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import type { RuntimeFractionalPercent } from '../gen/envoy/config/core/v3/base_pb.ts'
import type { StringMatcher } from '../gen/envoy/type/matcher/v3/string_pb.ts'
import type { Findings } from './findings.ts'
import { compileRegex } from './regex.ts'
import {
  DENOMINATORS,
  type Fraction,
  type HeaderMatch,
  type QueryParameterMatch,
  type StringMatch,
} from './matchers.ts'

/** Reads matchers of one resource. */
export class MatcherDecoder {
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** A regex in its place; the pattern is given back whether it is good or not. */
  regex(pattern: string, path: string): string {
    if (pattern === '') this.#findings.error(path, 'is empty')
    else {
      const regex = compileRegex(pattern)
      if (typeof regex === 'string') this.#findings.error(path, `is not a pattern of RE2: ${regex}`)
    }
    return pattern
  }

  string(matcher: StringMatcher | undefined, path: string): StringMatch {
    const pattern = matcher?.matchPattern
    const ignoreCase = matcher?.ignoreCase ?? false
    switch (pattern?.case) {
      case 'exact':
        return { kind: 'exact', value: pattern.value, ignoreCase }
      case 'prefix':
      case 'suffix':
      case 'contains':
        if (pattern.value === '') this.#findings.error(`${path}.${pattern.case}`, 'is empty')
        return { kind: pattern.case, value: pattern.value, ignoreCase }
      case 'safeRegex':
        return { kind: 'regex', value: this.regex(pattern.value.regex, `${path}.safe_regex`), ignoreCase: false }
      // The support table refuses it.
      case 'custom':
        return { kind: 'exact', value: '', ignoreCase }
      default:
        this.#findings.error(path, 'has no match pattern')
        return { kind: 'exact', value: '', ignoreCase }
    }
  }

  header(matcher: HeaderMatcher, path: string): HeaderMatch {
    const name = matcher.name.toLowerCase()
    if (name === '') this.#findings.error(`${path}.name`, 'is empty')
    return {
      name,
      match: this.#headerMatch(matcher, path),
      invert: matcher.invertMatch,
      treatMissingAsEmpty: matcher.treatMissingHeaderAsEmpty,
    }
  }

  #headerMatch({ headerMatchSpecifier: specifier }: HeaderMatcher, path: string): HeaderMatch['match'] {
    const text = (kind: StringMatch['kind'], value: string): HeaderMatch['match'] => {
      if (value === '' && kind !== 'exact') this.#findings.error(`${path}.${kind}_match`, 'is empty')
      return { kind: 'string', string: { kind, value, ignoreCase: false } }
    }
    switch (specifier.case) {
      case 'stringMatch':
        return { kind: 'string', string: this.string(specifier.value, `${path}.string_match`) }
      case 'exactMatch':
        return text('exact', specifier.value)
      case 'prefixMatch':
        return text('prefix', specifier.value)
      case 'suffixMatch':
        return text('suffix', specifier.value)
      case 'containsMatch':
        return text('contains', specifier.value)
      case 'safeRegexMatch':
        return text('regex', this.regex(specifier.value.regex, `${path}.safe_regex_match`))
      case 'rangeMatch':
        return { kind: 'range', start: specifier.value.start, end: specifier.value.end }
      case 'presentMatch':
        return { kind: 'present', present: specifier.value }
      // Envoy: without a specifier the header must be there.
      case undefined:
        return { kind: 'present', present: true }
    }
  }

  queryParameter(matcher: QueryParameterMatcher, path: string): QueryParameterMatch {
    if (matcher.name === '') this.#findings.error(`${path}.name`, 'is empty')
    const specifier = matcher.queryParameterMatchSpecifier
    if (specifier.case === 'stringMatch')
      return {
        name: matcher.name,
        match: { kind: 'string', string: this.string(specifier.value, `${path}.string_match`) },
      }
    return { name: matcher.name, match: { kind: 'present', present: specifier.value ?? true } }
  }

  /** Null when it is not set, which is every request. */
  fraction(percent: RuntimeFractionalPercent | undefined, path: string): Fraction | null {
    if (percent === undefined) return null
    const value = percent.defaultValue
    if (value === undefined) {
      this.#findings.error(`${path}.default_value`, 'is missing')
      return null
    }
    const denominator = DENOMINATORS[value.denominator]
    if (denominator === undefined)
      this.#findings.error(`${path}.default_value.denominator`, `${value.denominator} is not known`)
    return { numerator: value.numerator, denominator: denominator ?? 100 }
  }
}
