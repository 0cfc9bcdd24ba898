// Envoy's matchers as data (type/matcher/v3, config/route/v3 HeaderMatcher), before match/ compiles them.

/** `type.matcher.v3.StringMatcher`. `ignoreCase` has no effect on `regex`. */
export interface StringMatch {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'contains' | 'regex'
  readonly value: string
  readonly ignoreCase: boolean
}

/** `config.route.v3.HeaderMatcher`. */
export interface HeaderMatch {
  /** Lower case. */
  readonly name: string
  readonly match:
    | { readonly kind: 'string'; readonly string: StringMatch }
    | { readonly kind: 'present'; readonly present: boolean }
    | { readonly kind: 'range'; readonly start: bigint; readonly end: bigint }
  readonly invert: boolean
  readonly treatMissingAsEmpty: boolean
}

/** `config.route.v3.QueryParameterMatcher`. */
export interface QueryParameterMatch {
  readonly name: string
  readonly match:
    | { readonly kind: 'string'; readonly string: StringMatch }
    | { readonly kind: 'present'; readonly present: boolean }
}

/** `config.core.v3.RuntimeFractionalPercent` without its runtime key: matches `numerator` of `denominator` requests. */
export interface Fraction {
  readonly numerator: number
  readonly denominator: number
}

/** Denominators by their number in `type.v3.FractionalPercent.DenominatorType`. */
export const DENOMINATORS: readonly number[] = [100, 10_000, 1_000_000]
