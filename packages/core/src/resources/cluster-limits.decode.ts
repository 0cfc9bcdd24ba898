// A cluster's circuit breakers and outlier detection, with Envoy's defaults filled in (config/cluster/v3).
import type { CircuitBreakers } from '../gen/envoy/config/cluster/v3/circuit_breaker_pb.ts'
import type { OutlierDetection as OutlierDetectionMessage } from '../gen/envoy/config/cluster/v3/outlier_detection_pb.ts'
import { RoutingPriority } from '../gen/messages.js'
import type { CircuitBreakerThresholds, Cluster, OutlierDetection } from './cluster.ts'
import { durationMs, positiveDurationMs } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'

/** Thresholds of both priorities; where several are given for one, the first counts, as in Envoy. */
export function decodeCircuitBreakers(breakers: CircuitBreakers | undefined): Cluster['circuitBreakers'] {
  const of = (priority: RoutingPriority): CircuitBreakerThresholds => {
    const given = breakers?.thresholds.find((thresholds) => thresholds.priority === priority)
    if (given === undefined) return DEFAULT_THRESHOLDS
    return {
      maxConnections: given.maxConnections ?? DEFAULT_THRESHOLDS.maxConnections,
      maxPendingRequests: given.maxPendingRequests ?? DEFAULT_THRESHOLDS.maxPendingRequests,
      maxRequests: given.maxRequests ?? DEFAULT_THRESHOLDS.maxRequests,
      maxRetries: given.maxRetries ?? DEFAULT_THRESHOLDS.maxRetries,
    }
  }
  return { default: of(RoutingPriority.DEFAULT), high: of(RoutingPriority.HIGH) }
}

/** Null when the cluster has none. */
export function decodeOutlierDetection(
  outlier: OutlierDetectionMessage | undefined,
  findings: Findings,
): OutlierDetection | null {
  if (outlier === undefined) return null
  const path = 'outlier_detection'
  const percent = (value: number | undefined, name: string, otherwise: number): number => {
    if (value !== undefined && value > 100) findings.error(`${path}.${name}`, `${value} is more than 100 percent`)
    return value ?? otherwise
  }
  const baseEjectionTimeMs =
    positiveDurationMs(outlier.baseEjectionTime, `${path}.base_ejection_time`, findings) ?? 30_000
  const maxEjectionTimeMs = durationMs(outlier.maxEjectionTime, `${path}.max_ejection_time`, findings)
  if (maxEjectionTimeMs !== null && maxEjectionTimeMs < baseEjectionTimeMs)
    findings.error(`${path}.max_ejection_time`, 'is below base_ejection_time')
  reportRates(outlier, path, findings)
  return {
    consecutive5xx: outlier.consecutive5xx ?? 5,
    enforcingConsecutive5xx: percent(outlier.enforcingConsecutive5xx, 'enforcing_consecutive_5xx', 100),
    consecutiveGatewayFailure: outlier.consecutiveGatewayFailure ?? 5,
    enforcingConsecutiveGatewayFailure: percent(
      outlier.enforcingConsecutiveGatewayFailure,
      'enforcing_consecutive_gateway_failure',
      0,
    ),
    consecutiveLocalOriginFailure: outlier.consecutiveLocalOriginFailure ?? 5,
    enforcingConsecutiveLocalOriginFailure: percent(
      outlier.enforcingConsecutiveLocalOriginFailure,
      'enforcing_consecutive_local_origin_failure',
      100,
    ),
    splitExternalLocalOriginErrors: outlier.splitExternalLocalOriginErrors,
    intervalMs: positiveDurationMs(outlier.interval, `${path}.interval`, findings) ?? 10_000,
    baseEjectionTimeMs,
    maxEjectionTimeMs: maxEjectionTimeMs ?? Math.max(300_000, baseEjectionTimeMs),
    maxEjectionPercent: percent(outlier.maxEjectionPercent, 'max_ejection_percent', 10),
  }
}

/** What ejects by rates is not carried out; success rates are on in Envoy unless they are turned off, as Istio does. */
function reportRates(outlier: OutlierDetectionMessage, path: string, findings: Findings): void {
  const ignored = (name: string, note: string): void => findings.value('ignored', `${path}.${name}`, note)
  if (outlier.enforcingSuccessRate !== 0) ignored('enforcing_success_rate', 'success rates eject nobody')
  if (outlier.splitExternalLocalOriginErrors && outlier.enforcingLocalOriginSuccessRate !== 0)
    ignored('enforcing_local_origin_success_rate', 'success rates eject nobody')
  if ((outlier.enforcingFailurePercentage ?? 0) !== 0)
    ignored('enforcing_failure_percentage', 'failure percentages eject nobody')
  if ((outlier.enforcingFailurePercentageLocalOrigin ?? 0) !== 0)
    ignored('enforcing_failure_percentage_local_origin', 'failure percentages eject nobody')
}

const DEFAULT_THRESHOLDS: CircuitBreakerThresholds = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
}
