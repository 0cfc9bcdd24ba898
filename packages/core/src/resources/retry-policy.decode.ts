// A retry policy of a route or virtual host (config/route/v3 RetryPolicy), with Envoy's defaults.
import type { RetryPolicy as RetryPolicyMessage } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { durationMs, positiveDurationMs } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import type { MatcherDecoder } from './matchers.decode.ts'
import type { RetryPolicy } from './route-configuration.ts'

/** Null when there is none. */
export function decodeRetryPolicy(
  policy: RetryPolicyMessage | undefined,
  path: string,
  findings: Findings,
  matchers: MatcherDecoder,
): RetryPolicy | null {
  if (policy === undefined) return null
  const retryOn = policy.retryOn
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '')
  for (const token of retryOn)
    if (!RETRY_ON.has(token)) findings.value('ignored', `${path}.retry_on`, `"${token}" is not known`)
  let previousHosts = false
  for (const [i, { name }] of policy.retryHostPredicate.entries()) {
    if (name === PREVIOUS_HOSTS) previousHosts = true
    else findings.value('ignored', `${path}.retry_host_predicate[${i}]`, `"${name}" is not known`)
  }
  for (const [i, status] of policy.retriableStatusCodes.entries())
    if (status < 100 || status > 599)
      findings.error(`${path}.retriable_status_codes[${i}]`, `${status} is no HTTP status`)
  return {
    retryOn,
    numRetries: policy.numRetries ?? 1,
    perTryTimeoutMs: durationMs(policy.perTryTimeout, `${path}.per_try_timeout`, findings),
    retriableStatusCodes: policy.retriableStatusCodes,
    retriableHeaders: policy.retriableHeaders.map((header, i) =>
      matchers.header(header, `${path}.retriable_headers[${i}]`),
    ),
    backOff: backOff(policy, path, findings),
    previousHosts,
    // Envoy: how often a host may be refused by the predicates before it is taken all the same.
    hostSelectionMaxAttempts:
      policy.hostSelectionRetryMaxAttempts === 0n ? 1 : Number(policy.hostSelectionRetryMaxAttempts),
  }
}

// Envoy: 25 ms and ten times that; an interval below one millisecond counts as one.
function backOff(policy: RetryPolicyMessage, path: string, findings: Findings): RetryPolicy['backOff'] {
  const given = policy.retryBackOff
  if (given === undefined) return DEFAULT_BACK_OFF
  if (given.baseInterval === undefined) findings.error(`${path}.retry_back_off.base_interval`, 'is missing')
  const base = positiveDurationMs(given.baseInterval, `${path}.retry_back_off.base_interval`, findings)
  const max = positiveDurationMs(given.maxInterval, `${path}.retry_back_off.max_interval`, findings)
  const baseMs = Math.max(1, base ?? DEFAULT_BACK_OFF.baseMs)
  if (max !== null && Math.max(1, max) < baseMs)
    findings.error(`${path}.retry_back_off.max_interval`, 'is below base_interval')
  return { baseMs, maxMs: max === null ? baseMs * 10 : Math.max(1, max) }
}

const DEFAULT_BACK_OFF: RetryPolicy['backOff'] = { baseMs: 25, maxMs: 250 }
const PREVIOUS_HOSTS = 'envoy.retry_host_predicates.previous_hosts'

/** x-envoy-retry-on and x-envoy-retry-grpc-on. */
const RETRY_ON: ReadonlySet<string> = new Set([
  '5xx',
  'gateway-error',
  'reset',
  'reset-before-request',
  'connect-failure',
  'envoy-ratelimited',
  'retriable-4xx',
  'refused-stream',
  'retriable-status-codes',
  'retriable-headers',
  'http3-post-connect-failure',
  'cancelled',
  'deadline-exceeded',
  'internal',
  'resource-exhausted',
  'unavailable',
])
