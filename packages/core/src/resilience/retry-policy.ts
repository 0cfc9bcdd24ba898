// A route's retry policy, compiled: its tokens as bits, ready to be asked for each failed attempt.
import type { ResponseHead } from '../exchange/head.ts'

/** Why an attempt ended without a response, in Envoy's terms. */
export type ResetReason =
  | 'connection_failure'
  | 'connection_timeout'
  | 'connection_termination'
  | 'remote_reset'
  | 'refused_stream'
  | 'per_try_timeout'
  | 'overflow'
  | 'protocol_error'

/** Says what may be tried again. */
export interface RetryPolicy {
  readonly numRetries: number
  /** Milliseconds; 0 is none. */
  readonly perTryTimeoutMs: number
  readonly baseBackOffMs: number
  readonly maxBackOffMs: number
  /** Hosts already tried are avoided when picking. */
  readonly previousHosts: boolean
  readonly hostSelectionMaxAttempts: number
  /** Whether a response that has come is one to try again. */
  retriesResponse(head: ResponseHead): boolean
  /** Whether a reset is one to try again; `headSent` says that the request left. */
  retriesReset(reason: ResetReason, requestSent: boolean): boolean
}
