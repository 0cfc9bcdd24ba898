// Building blocks of the schemas: protobuf JSON as Istio's files have it. Keys in camelCase or snake_case, null for unset,
// durations as Go writes them.
import { RE2JS } from 're2js'
import { z } from 'zod'
import { parseDuration } from './duration.ts'
import { isHostName } from './host-name.ts'
import type { Report } from './kind.ts'

/** A message with these fields and no other. */
export function message<S extends z.ZodRawShape>(
  shape: S,
): z.ZodType<z.output<z.ZodObject<S, z.core.$strict>>, unknown> {
  return z.preprocess((value) => camelCaseKeys(value, shape), z.strictObject(shape)) as never
}

/** A message that has these fields and others that mean nothing here. */
export function looseMessage<S extends z.ZodRawShape>(
  shape: S,
): z.ZodType<z.output<z.ZodObject<S, z.core.$strip>>, unknown> {
  return z.object(shape) as never
}

/** A field that may be unset: null then. */
export function optional<T>(schema: z.ZodType<T>): z.ZodType<T | null, unknown> {
  return schema.nullable().default(null) as never
}

/** A field with a value for when it is unset. */
export function withDefault<T>(schema: z.ZodType<T>, value: T): z.ZodType<T, unknown> {
  return schema
    .nullable()
    .default(null)
    .transform((given) => given ?? value) as never
}

/** A repeated field; unset is empty. */
export function list<T>(item: z.ZodType<T>): z.ZodType<readonly T[], unknown> {
  return withDefault(z.array(item) as z.ZodType<readonly T[]>, [])
}

/** A map field; unset is empty. */
export function map<T>(value: z.ZodType<T>): z.ZodType<Readonly<Record<string, T>>, unknown> {
  return withDefault(z.record(z.string(), value) as z.ZodType<Readonly<Record<string, T>>>, {})
}

/** A field that is accepted as it is because nothing reads it yet. Give its path to `notHonoured`. */
export const anything: z.ZodType<unknown> = optional(z.unknown())

/** Text; unset is ''. */
export const text: z.ZodType<string, unknown> = withDefault(z.string(), '')

/** A yes or no that may be unset. */
export const flag: z.ZodType<boolean | null, unknown> = optional(z.boolean())

/** A whole number from `least` to `most` (inclusive). */
export function integer(least: number, most: number = UINT32_MAX): z.ZodType<number> {
  return z
    .number()
    .refine((n) => Number.isInteger(n) && n >= least && n <= most, `must be a whole number from ${least} to ${most}`)
}

/** A TCP port. */
export const port: z.ZodType<number> = integer(1, 65_535)

/** A duration in milliseconds, at least `leastMs`, in whole milliseconds, as Istio's ValidateDuration asks. */
export function duration(leastMs: number = 1): z.ZodType<number> {
  return z.string().transform((value, ctx) => {
    const ms = parseDuration(value)
    if (ms === null) {
      ctx.addIssue({ code: 'custom', message: `"${value}" is not a duration: write it such as 100ms, 5s or 1h30m` })
    } else if (ms < leastMs || !Number.isInteger(ms)) {
      ctx.addIssue({ code: 'custom', message: `"${value}" must be at least ${leastMs}ms, in whole milliseconds` })
    } else return ms
    return z.NEVER
  }) as never
}

/** One of a closed set of names. */
export function oneOf<const T extends string>(...names: readonly T[]): z.ZodType<T> {
  return z.enum(names as unknown as [T, ...T[]]) as never
}

/** A host name; with `wildcard`, `*` or `*.` in front are allowed. */
export function hostName(wildcard: boolean): z.ZodType<string> {
  return z.string().refine((host) => isHostName(host, wildcard) || isAddress(host), {
    error: (issue) =>
      `"${String(issue.input)}" is not a host name${wildcard ? ' (a * may only be the whole first part)' : ''}`,
  })
}

/** A regular expression of RE2, at most 1024 bytes, as Envoy takes it. */
export const regex: z.ZodType<string> = z.string().superRefine((pattern, ctx) => {
  if (Buffer.byteLength(pattern) > 1024) {
    ctx.addIssue({ code: 'custom', message: 'the regular expression is longer than 1024 bytes' })
    return
  }
  try {
    RE2JS.compile(pattern)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    ctx.addIssue({ code: 'custom', message: `is not a regular expression of RE2 (${reason})` })
  }
})

/** Reports every field of `fields` that is set as valid and without effect. */
export function notHonoured(
  report: Report,
  path: readonly (string | number)[],
  owner: object,
  fields: readonly string[],
): void {
  for (const field of fields) {
    const value = (owner as Readonly<Record<string, unknown>>)[field]
    if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) continue
    report('warning', [...path, field], `${field} is not honoured yet: it has no effect`)
  }
}

/** `snake_case` as protobuf JSON's `camelCase`. */
export function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function camelCaseKeys(value: unknown, shape: z.ZodRawShape): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  let renamed: Record<string, unknown> | null = null
  for (const key of Object.keys(value)) {
    const camel = camelCase(key)
    if (camel === key || Object.hasOwn(shape, key) || !Object.hasOwn(shape, camel) || Object.hasOwn(value, camel))
      continue
    renamed ??= { ...value }
    renamed[camel] = renamed[key]
    delete renamed[key]
  }
  return renamed ?? value
}

function isAddress(host: string): boolean {
  return /^[0-9a-fA-F:.]+$/.test(host) && host.includes(':')
}

const UINT32_MAX = 4_294_967_295
