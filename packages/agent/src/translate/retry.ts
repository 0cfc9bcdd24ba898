// Retry policies (istio pilot/pkg/networking/core/route/retry).
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { type RetryPolicy, RetryPolicySchema } from '@inmesh/core/gen/envoy/config/route/v3/route_components_pb.ts'
import { PreviousHostsPredicateSchema } from '@inmesh/core/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts'
import { PreviousPrioritiesConfigSchema } from '@inmesh/core/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts'
import { type HttpRetry, isStatusCode } from '../model/http-retry.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import { pack } from './encode.ts'

/** What is retried where nobody says: never a request that the upstream may have begun to handle. */
export const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes'

/** The policy of a route; undefined turns retries off. `given` null is the mesh's default, and that null is Istio's. */
export function retryPolicy(given: HttpRetry | null, mesh: MeshConfig): RetryPolicy | undefined {
  const retry = given ?? mesh.defaultHttpRetryPolicy
  if (retry === null) return policy(DEFAULT_RETRY_ON, 2, true)
  if (retry.attempts === 0) return undefined
  const { retryOn, statusCodes } = conditions(retry.retryOn)
  const result = policy(retryOn, retry.attempts, retry.retryIgnorePreviousHosts ?? true)
  result.retriableStatusCodes = statusCodes
  if (retry.perTryTimeout !== null && retry.perTryTimeout > 0)
    result.perTryTimeout = durationFromMs(retry.perTryTimeout)
  if (retry.backoff !== null) {
    result.retryBackOff = create(RetryPolicySchema, {
      retryBackOff: { baseInterval: durationFromMs(retry.backoff) },
    }).retryBackOff
  }
  if (retry.retryRemoteLocalities === true) {
    const config = create(PreviousPrioritiesConfigSchema, { updateFrequency: 2 })
    result.retryPriority = create(RetryPolicySchema, {
      retryPriority: {
        name: 'envoy.retry_priorities.previous_priorities',
        configType: { case: 'typedConfig', value: pack(PreviousPrioritiesConfigSchema, config) },
      },
    }).retryPriority
  }
  return result
}

function policy(retryOn: string, numRetries: number, previousHosts: boolean): RetryPolicy {
  const predicate = create(PreviousHostsPredicateSchema)
  return create(RetryPolicySchema, {
    retryOn,
    numRetries,
    retryHostPredicate: previousHosts
      ? [
          {
            name: 'envoy.retry_host_predicates.previous_hosts',
            configType: { case: 'typedConfig', value: pack(PreviousHostsPredicateSchema, predicate) },
          },
        ]
      : [],
    hostSelectionRetryMaxAttempts: 5n,
  })
}

// Status codes among the conditions become retriable status codes.
function conditions(given: string): { retryOn: string; statusCodes: number[] } {
  if (given === '') return { retryOn: DEFAULT_RETRY_ON, statusCodes: [] }
  const names: string[] = []
  const statusCodes: number[] = []
  for (const token of given.split(',')) {
    const condition = token.trim()
    if (isStatusCode(condition)) statusCodes.push(Number(condition))
    else if (condition !== '') names.push(condition)
  }
  if (statusCodes.length > 0 && !names.includes('retriable-status-codes')) names.push('retriable-status-codes')
  return { retryOn: names.join(','), statusCodes }
}
