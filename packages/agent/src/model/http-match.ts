// HTTPMatchRequest of a VirtualService: which requests a route takes (istio.io, networking, VirtualService).
import { z } from 'zod'
import { flag, list, map, message, optional, port, regex, text } from './field.ts'
import type { Labels } from './labels.ts'

/** `StringMatch`; regular expressions are RE2 and match the whole value. */
export interface StringMatch {
  readonly kind: 'exact' | 'prefix' | 'regex'
  readonly value: string
}

/** `HTTPMatchRequest`: all that is set must hold. */
export interface HttpMatch {
  readonly name: string
  readonly uri: StringMatch | null
  readonly scheme: StringMatch | null
  readonly method: StringMatch | null
  readonly authority: StringMatch | null
  /** By name as written; a null value asks only that the header is there. */
  readonly headers: Readonly<Record<string, StringMatch | null>>
  /** None of these may match. */
  readonly withoutHeaders: Readonly<Record<string, StringMatch | null>>
  readonly queryParams: Readonly<Record<string, StringMatch | null>>
  /** Port that the caller asked for; null for any. */
  readonly port: number | null
  readonly sourceLabels: Labels
  readonly sourceNamespace: string
  /** When set, it decides in place of sourceLabels and sourceNamespace. */
  readonly gateways: readonly string[]
  readonly ignoreUriCase: boolean | null
  readonly statPrefix: string
}

/** `StringMatch` that may be empty (null): `{}` asks for presence. */
export const anyStringMatch: z.ZodType<StringMatch | null, unknown> = message({
  exact: optional(z.string()),
  prefix: optional(z.string()),
  regex: optional(z.string()),
}).transform((given, ctx): StringMatch | null => {
  const set = (['exact', 'prefix', 'regex'] as const).filter((kind) => given[kind] !== null)
  const kind = set[0]
  if (kind === undefined) return null
  if (set.length > 1) {
    ctx.addIssue({ code: 'custom', message: `sets ${set.join(' and ')}: give one of exact, prefix and regex` })
    return z.NEVER
  }
  const value = given[kind] as string
  // Istio takes a regex of * in header matches as "present".
  if (kind === 'regex' && value === '*') return null
  const checked = kind === 'regex' ? regex.safeParse(value) : null
  if (checked !== null && !checked.success) {
    for (const issue of checked.error.issues) ctx.addIssue({ code: 'custom', path: ['regex'], message: issue.message })
  }
  return { kind, value }
}) as never

const stringMatch: z.ZodType<StringMatch, unknown> = anyStringMatch.refine(
  (match) => match !== null,
  'is empty: give one of exact, prefix and regex',
) as never

const uriMatch: z.ZodType<StringMatch, unknown> = stringMatch.refine(
  (match) => match === null || match.kind === 'regex' || match.value !== '',
  'must not be empty: leave uri out to match every path',
) as never

/** Schema of `HTTPMatchRequest`. */
export const httpMatch: z.ZodType<HttpMatch, unknown> = message({
  name: text,
  uri: optional(uriMatch),
  scheme: optional(stringMatch),
  method: optional(stringMatch),
  authority: optional(stringMatch),
  headers: map(anyStringMatch),
  withoutHeaders: map(anyStringMatch),
  queryParams: map(anyStringMatch),
  port: optional(port),
  sourceLabels: map(z.string()),
  sourceNamespace: text,
  gateways: list(z.string()),
  ignoreUriCase: flag,
  statPrefix: text,
}).superRefine((match, ctx) => {
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const name of Object.keys(match[field])) {
      if (name.startsWith('@request.auth.claims')) {
        ctx.addIssue({ code: 'custom', path: [field, name], message: 'claims can be matched at gateways only' })
      } else if (!HEADER_NAME.test(name)) {
        ctx.addIssue({ code: 'custom', path: [field, name], message: `"${name}" is not a header name` })
      }
    }
  }
})

/** Name of a header, pseudo-headers included. */
export const HEADER_NAME: RegExp = /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
