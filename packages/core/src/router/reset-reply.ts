// What a reset without a response head becomes (Envoy's router: onUpstreamReset, streamResetReasonToResponseFlag).
import { Reply, replies } from '../exchange/reply.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { ResetReason } from '../resilience/retry-policy.ts'

interface ResetMeaning {
  readonly flag: number
  /** Envoy's words for it. */
  readonly text: string
  readonly detail: string
}

const MEANINGS: Readonly<Record<ResetReason, ResetMeaning>> = {
  connection_failure: meaning(ResponseFlag.UpstreamConnectionFailure, 'connection failure'),
  connection_timeout: meaning(ResponseFlag.UpstreamConnectionFailure, 'connection timeout'),
  connection_termination: meaning(ResponseFlag.UpstreamConnectionTermination, 'connection termination'),
  remote_reset: meaning(ResponseFlag.UpstreamRemoteReset, 'remote reset'),
  refused_stream: meaning(ResponseFlag.UpstreamRemoteReset, 'remote refused stream reset'),
  per_try_timeout: meaning(ResponseFlag.UpstreamRequestTimeout, 'local reset'),
  overflow: meaning(ResponseFlag.UpstreamOverflow, 'overflow'),
  protocol_error: meaning(ResponseFlag.UpstreamProtocolError, 'protocol error'),
}

/** The response flag of a reset. */
export function resetFlag(reason: ResetReason): number {
  return MEANINGS[reason].flag
}

/** Response code details of a reset after the response's head was passed on. */
export function lateResetDetails(reason: ResetReason): string {
  return `upstream_reset_after_response_started{${MEANINGS[reason].detail}}`
}

/** The answer to a reset before the response's head; `retried` when it was not the first attempt. */
export function resetReply(reason: ResetReason, retried: boolean): Reply {
  if (reason === 'per_try_timeout') return replies.perTryTimeout
  return (retried ? RETRIED : FIRST)[reason]
}

/** A reset as outlier detection tells them apart. */
export function failureKind(reason: ResetReason): 'connect' | 'reset' | 'timeout' {
  switch (reason) {
    case 'connection_failure':
    case 'connection_timeout':
      return 'connect'
    case 'per_try_timeout':
      return 'timeout'
    default:
      return 'reset'
  }
}

/** The body was given up while a retry was waiting that needs it. */
export const requestTooLarge: Reply = new Reply(
  507,
  'exceeded request buffer limit while retrying upstream',
  0,
  'request_payload_exceeded_retry_buffer_limit',
)

function meaning(flag: number, text: string): ResetMeaning {
  return { flag, text, detail: text.replaceAll(' ', '_') }
}

function replyFor(reason: ResetReason, words: string): Reply {
  const { flag, text, detail } = MEANINGS[reason]
  return new Reply(
    reason === 'protocol_error' ? 502 : 503,
    `upstream connect error or disconnect/reset before headers. ${words}reset reason: ${text}`,
    flag,
    `upstream_reset_before_response_started{${detail}}`,
    reason === 'overflow' ? ['x-envoy-overloaded', 'true'] : [],
  )
}

function repliesWith(words: string): Readonly<Record<ResetReason, Reply>> {
  return Object.fromEntries(
    (Object.keys(MEANINGS) as ResetReason[]).map((reason) => [reason, replyFor(reason, words)]),
  ) as Record<ResetReason, Reply>
}

const FIRST = repliesWith('')
const RETRIED = repliesWith('retried and the latest ')
