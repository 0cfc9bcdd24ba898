// HTTPRetry: the retries of a route or of the whole mesh.
import { z } from 'zod'
import { duration, flag, integer, message, optional, text } from './field.ts'

/** `HTTPRetry`; durations in milliseconds. */
export interface HttpRetry {
  /** 0 turns retries off. */
  readonly attempts: number
  readonly perTryTimeout: number | null
  /** Comma-separated conditions of Envoy and gRPC, or HTTP status codes; '' is the default's. */
  readonly retryOn: string
  readonly retryRemoteLocalities: boolean | null
  /** Default true. */
  readonly retryIgnorePreviousHosts: boolean | null
  readonly backoff: number | null
}

/** Schema of `HTTPRetry`. */
export const httpRetry: z.ZodType<HttpRetry, unknown> = message({
  attempts: integer(0).nullable().default(0),
  perTryTimeout: optional(duration(0)),
  retryOn: text,
  retryRemoteLocalities: flag,
  retryIgnorePreviousHosts: flag,
  backoff: optional(duration()),
})
  .transform((retry) => ({ ...retry, attempts: retry.attempts ?? 0 }))
  .superRefine((retry, ctx) => {
    if (retry.attempts === 0 && (retry.perTryTimeout !== null || retry.retryOn !== '' || retry.backoff !== null)) {
      ctx.addIssue({
        code: 'custom',
        path: ['attempts'],
        message: 'is 0 or missing, which turns retries off: give attempts, or leave the other fields out',
      })
    }
    for (const token of retry.retryOn.split(',')) {
      const condition = token.trim()
      if (condition === '' || RETRY_ON.has(condition) || isStatusCode(condition)) continue
      ctx.addIssue({ code: 'custom', path: ['retryOn'], message: `"${condition}" is not a condition to retry on` })
    }
  }) as never

/** A number that is an HTTP status code. */
export function isStatusCode(token: string): boolean {
  return /^[1-5]\d\d$/.test(token)
}

// Envoy's x-envoy-retry-on and x-envoy-retry-grpc-on.
const RETRY_ON: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'envoy-ratelimited',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
])
