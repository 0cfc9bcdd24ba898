// Which traffic policy holds for a port and subset (istio pilot/pkg/networking/util, MergeSubsetTrafficPolicy).
import type { Subset } from '../model/destination-rule.ts'
import type { DestinationPolicy } from '../model/push-context.ts'
import type { PortTrafficPolicy, TrafficPolicy } from '../model/traffic-policy.ts'

/** A port's settings replace the rule's as a whole; a subset's replace block by block, then its own port's as a whole. */
export function effectivePolicy(
  policy: DestinationPolicy | null,
  subset: Subset | null,
  port: number,
): PortTrafficPolicy {
  const base = atPort(policy?.trafficPolicy ?? null, port) ?? policy?.trafficPolicy ?? NOTHING
  const own = subset?.trafficPolicy ?? null
  if (own === null) return base
  return (
    atPort(own, port) ?? {
      loadBalancer: own.loadBalancer ?? base.loadBalancer,
      connectionPool: own.connectionPool ?? base.connectionPool,
      outlierDetection: own.outlierDetection ?? base.outlierDetection,
      tls: own.tls ?? base.tls,
    }
  )
}

function atPort(policy: TrafficPolicy | null, port: number): PortTrafficPolicy | null {
  return policy?.portLevelSettings.find((settings) => settings.port === port) ?? null
}

const NOTHING: PortTrafficPolicy = { loadBalancer: null, connectionPool: null, outlierDetection: null, tls: null }
