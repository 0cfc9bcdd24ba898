// Outlier detection (istio pilot/pkg/networking/core/cluster_traffic_policy.go): only what a DestinationRule asks for;
// Envoy's defaults fill in the rest.
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  type OutlierDetection,
  OutlierDetectionSchema,
} from '@inmesh/core/gen/envoy/config/cluster/v3/outlier_detection_pb.ts'
import type { OutlierPolicy } from '../model/traffic-policy.ts'

/** The outlier detection of a cluster. */
export function outlierDetection(policy: OutlierPolicy): OutlierDetection {
  const outlier = create(OutlierDetectionSchema, { enforcingSuccessRate: 0 })
  if (policy.consecutive5xxErrors !== null) {
    outlier.consecutive5xx = policy.consecutive5xxErrors
    outlier.enforcingConsecutive5xx = enforcing(policy.consecutive5xxErrors)
  }
  if (policy.consecutiveGatewayErrors !== null) {
    outlier.consecutiveGatewayFailure = policy.consecutiveGatewayErrors
    outlier.enforcingConsecutiveGatewayFailure = enforcing(policy.consecutiveGatewayErrors)
  }
  if (policy.interval !== null) outlier.interval = durationFromMs(policy.interval)
  if (policy.baseEjectionTime !== null) outlier.baseEjectionTime = durationFromMs(policy.baseEjectionTime)
  if (policy.maxEjectionPercent !== null && policy.maxEjectionPercent > 0) {
    outlier.maxEjectionPercent = policy.maxEjectionPercent
  }
  if (policy.splitExternalLocalOriginErrors === true) {
    outlier.splitExternalLocalOriginErrors = true
    outlier.enforcingLocalOriginSuccessRate = 0
    if (policy.consecutiveLocalOriginFailures !== null && policy.consecutiveLocalOriginFailures > 0) {
      outlier.consecutiveLocalOriginFailure = policy.consecutiveLocalOriginFailures
      outlier.enforcingConsecutiveLocalOriginFailure = 100
    }
  }
  return outlier
}

// 0 errors turns the detector off.
function enforcing(errors: number): number {
  return errors > 0 ? 100 : 0
}
