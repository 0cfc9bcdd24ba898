// A route's retry policy, compiled: its tokens become bits, its status codes a table (Envoy's router filter,
// x-envoy-retry-on and x-envoy-retry-grpc-on).
import type { ResponseHead } from '../exchange/head.ts'
import { HeaderMatcher } from '../match/header.ts'
import type { RetryPolicy as RetryPolicyResource } from '../resources/route-configuration.ts'
import type { ResetReason, RetryPolicy } from './retry-policy.ts'

/** Envoy's tokens, one bit each; those of gRPC are the last five. `http3-post-connect-failure` has no effect: there is no HTTP/3. */
export const RETRY_ON = {
  '5xx': 0x1,
  'gateway-error': 0x2,
  'connect-failure': 0x4,
  'envoy-ratelimited': 0x8,
  'retriable-4xx': 0x10,
  'refused-stream': 0x20,
  'retriable-status-codes': 0x40,
  'retriable-headers': 0x80,
  reset: 0x100,
  'reset-before-request': 0x200,
  'http3-post-connect-failure': 0x400,
  cancelled: 0x1000,
  'deadline-exceeded': 0x2000,
  'resource-exhausted': 0x4000,
  unavailable: 0x8000,
  internal: 0x10000,
} as const

/** Compiles a policy. Unknown tokens have no effect, as in Envoy; without any, only the timeout per try is left of it. */
export function compileRetryPolicy(resource: RetryPolicyResource): RetryPolicy {
  return new CompiledRetryPolicy(resource)
}

class CompiledRetryPolicy implements RetryPolicy {
  readonly numRetries: number
  readonly perTryTimeoutMs: number
  readonly baseBackOffMs: number
  readonly maxBackOffMs: number
  readonly previousHosts: boolean
  readonly hostSelectionMaxAttempts: number
  readonly #retryOn: number
  // By status: 1 where the status alone is enough.
  readonly #statuses = new Uint8Array(1000)
  readonly #headers: readonly { readonly name: string; readonly matcher: HeaderMatcher }[]

  constructor(resource: RetryPolicyResource) {
    let retryOn = 0
    for (const token of resource.retryOn) retryOn |= RETRY_ON[token.trim() as keyof typeof RETRY_ON] ?? 0
    this.#retryOn = retryOn
    this.numRetries = resource.numRetries
    this.perTryTimeoutMs = resource.perTryTimeoutMs ?? 0
    this.baseBackOffMs = resource.backOff.baseMs
    this.maxBackOffMs = resource.backOff.maxMs
    this.previousHosts = resource.previousHosts
    this.hostSelectionMaxAttempts = resource.hostSelectionMaxAttempts
    if ((retryOn & RETRY_ON['5xx']) !== 0) this.#statuses.fill(1, 500, 600)
    if ((retryOn & RETRY_ON['gateway-error']) !== 0) this.#statuses.fill(1, 502, 505)
    if ((retryOn & RETRY_ON['retriable-4xx']) !== 0) this.#statuses[409] = 1
    if ((retryOn & RETRY_ON['retriable-status-codes']) !== 0) {
      for (const status of resource.retriableStatusCodes) this.#statuses[status] = 1
    }
    this.#headers =
      (retryOn & RETRY_ON['retriable-headers']) === 0
        ? []
        : resource.retriableHeaders.map((header) => ({ name: header.name, matcher: new HeaderMatcher(header) }))
  }

  retriesResponse(head: ResponseHead): boolean {
    // An answer of another proxy's rate limit is tried again only where the policy names it, whatever else it says.
    if ((this.#retryOn & RETRY_ON['envoy-ratelimited']) !== 0) {
      if (head.headers.has('x-envoy-ratelimited')) return true
      return this.#matches(head)
    }
    return this.#matches(head) && !head.headers.has('x-envoy-ratelimited')
  }

  retriesReset(reason: ResetReason, requestSent: boolean): boolean {
    const retryOn = this.#retryOn
    if (reason === 'overflow') return false
    // A reset would have become a 5xx, so these two cover it, timeouts per try included.
    if ((retryOn & ANY_RESET) !== 0) return true
    if ((retryOn & RETRY_ON['reset-before-request']) !== 0 && !requestSent) return true
    if (reason === 'connection_failure' || reason === 'connection_timeout') {
      return (retryOn & RETRY_ON['connect-failure']) !== 0
    }
    return reason === 'refused_stream' && (retryOn & RETRY_ON['refused-stream']) !== 0
  }

  #matches(head: ResponseHead): boolean {
    if (this.#statuses[head.status] === 1) return true
    if ((this.#retryOn & ANY_GRPC) !== 0) {
      const status = head.headers.get('grpc-status')
      if (status !== null && (this.#retryOn & (GRPC_BITS[status] ?? 0)) !== 0) return true
    }
    for (const { name, matcher } of this.#headers) {
      const value = name === ':status' ? String(head.status) : head.headers.get(name)
      if (matcher.matchesValue(value)) return true
    }
    return false
  }
}

const ANY_RESET = RETRY_ON['5xx'] | RETRY_ON['gateway-error'] | RETRY_ON.reset

// By the text of grpc-status.
const GRPC_BITS: Readonly<Record<string, number>> = {
  '1': RETRY_ON.cancelled,
  '4': RETRY_ON['deadline-exceeded'],
  '8': RETRY_ON['resource-exhausted'],
  '13': RETRY_ON.internal,
  '14': RETRY_ON.unavailable,
}

const ANY_GRPC = Object.values(GRPC_BITS).reduce((bits, bit) => bits | bit, 0)
