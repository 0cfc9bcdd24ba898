// TrafficPolicy of a DestinationRule: balancing, limits, ejection, per port and per subset.
import { z } from 'zod'
import { anything, duration, flag, integer, list, message, notHonoured, oneOf, optional, port } from './field.ts'
import type { FieldPath, Report } from './kind.ts'

/** `LoadBalancerSettings`; of the fields of type unknown nothing is read yet. */
export interface LoadBalancer {
  readonly simple: SimpleBalancer | null
  readonly consistentHash: unknown
  readonly localityLbSetting: unknown
  readonly warmupDurationSecs: unknown
  readonly warmup: unknown
}

/** `LoadBalancerSettings.SimpleLB`; LEAST_CONN is the old name of LEAST_REQUEST. */
export type SimpleBalancer = 'UNSPECIFIED' | 'LEAST_CONN' | 'RANDOM' | 'PASSTHROUGH' | 'ROUND_ROBIN' | 'LEAST_REQUEST'

/** `ConnectionPoolSettings`; durations in milliseconds, null is not given. */
export interface ConnectionPool {
  readonly tcp: {
    readonly maxConnections: number | null
    readonly connectTimeout: number | null
    readonly idleTimeout: number | null
    readonly tcpKeepalive: unknown
    readonly maxConnectionDuration: unknown
  } | null
  readonly http: {
    readonly http1MaxPendingRequests: number | null
    readonly http2MaxRequests: number | null
    readonly maxRequestsPerConnection: number | null
    readonly maxRetries: number | null
    readonly idleTimeout: number | null
    readonly h2UpgradePolicy: 'DEFAULT' | 'DO_NOT_UPGRADE' | 'UPGRADE' | null
    readonly useClientProtocol: boolean | null
    readonly maxConcurrentStreams: number | null
    readonly http2KeepAlive: unknown
  } | null
}

/** `OutlierDetection`; durations in milliseconds, null is not given. */
export interface OutlierPolicy {
  readonly consecutive5xxErrors: number | null
  readonly consecutiveGatewayErrors: number | null
  readonly consecutiveLocalOriginFailures: number | null
  readonly splitExternalLocalOriginErrors: boolean | null
  readonly interval: number | null
  readonly baseEjectionTime: number | null
  readonly maxEjectionPercent: number | null
  readonly minHealthPercent: number | null
  /** Istio ignores it. */
  readonly consecutiveErrors: unknown
  readonly outlierDetectionHttpErrorCodes: unknown
}

/** The blocks that a port's settings replace as a whole. */
export interface PortTrafficPolicy {
  readonly loadBalancer: LoadBalancer | null
  readonly connectionPool: ConnectionPool | null
  readonly outlierDetection: OutlierPolicy | null
  readonly tls: unknown
}

/** `TrafficPolicy`. */
export interface TrafficPolicy extends PortTrafficPolicy {
  readonly portLevelSettings: readonly (PortTrafficPolicy & { readonly port: number })[]
  readonly tunnel: unknown
  readonly proxyProtocol: unknown
  readonly retryBudget: unknown
}

const loadBalancer: z.ZodType<LoadBalancer> = message({
  simple: optional(oneOf('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST')),
  consistentHash: anything,
  localityLbSetting: anything,
  warmupDurationSecs: anything,
  warmup: anything,
}).superRefine((given, ctx) => {
  if (given.simple === null || given.consistentHash === null) return
  ctx.addIssue({ code: 'custom', path: ['consistentHash'], message: 'stands beside simple: give one of them' })
})

const connectionPool: z.ZodType<ConnectionPool> = message({
  tcp: optional(
    message({
      maxConnections: optional(integer(0)),
      connectTimeout: optional(duration()),
      idleTimeout: optional(duration()),
      tcpKeepalive: anything,
      maxConnectionDuration: anything,
    }),
  ),
  http: optional(
    message({
      http1MaxPendingRequests: optional(integer(0)),
      http2MaxRequests: optional(integer(0)),
      maxRequestsPerConnection: optional(integer(0)),
      maxRetries: optional(integer(0)),
      idleTimeout: optional(duration()),
      h2UpgradePolicy: optional(oneOf('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE')),
      useClientProtocol: flag,
      maxConcurrentStreams: optional(integer(0)),
      http2KeepAlive: anything,
    }),
  ),
}).superRefine((given, ctx) => {
  if (given.tcp !== null || given.http !== null) return
  ctx.addIssue({ code: 'custom', message: 'is empty: give tcp or http, or remove it' })
})

const outlierDetection: z.ZodType<OutlierPolicy> = message({
  consecutive5xxErrors: optional(integer(0)),
  consecutiveGatewayErrors: optional(integer(0)),
  consecutiveLocalOriginFailures: optional(integer(0)),
  splitExternalLocalOriginErrors: flag,
  interval: optional(duration()),
  baseEjectionTime: optional(duration()),
  maxEjectionPercent: optional(integer(0, 100)),
  minHealthPercent: optional(integer(0, 100)),
  consecutiveErrors: anything,
  outlierDetectionHttpErrorCodes: anything,
}).superRefine((given, ctx) => {
  if (given.consecutiveLocalOriginFailures === null || given.splitExternalLocalOriginErrors === true) return
  const message = 'needs splitExternalLocalOriginErrors: true'
  ctx.addIssue({ code: 'custom', path: ['consecutiveLocalOriginFailures'], message })
})

const portBlocks = {
  loadBalancer: optional(loadBalancer),
  connectionPool: optional(connectionPool),
  outlierDetection: optional(outlierDetection),
  tls: anything,
}

/** Schema of `TrafficPolicy`. */
export const trafficPolicy: z.ZodType<TrafficPolicy, unknown> = message({
  ...portBlocks,
  portLevelSettings: list(
    message({ ...portBlocks, port: message({ number: port }) }).transform((given) => ({
      ...given,
      port: given.port.number,
    })),
  ),
  tunnel: anything,
  proxyProtocol: anything,
  retryBudget: anything,
}) as never

/** Warns of each field at `path` that is valid and not honoured yet. */
export function checkTrafficPolicy(report: Report, path: FieldPath, policy: TrafficPolicy): void {
  notHonoured(report, path, policy, ['tunnel', 'proxyProtocol', 'retryBudget'])
  checkBlocks(report, path, policy)
  policy.portLevelSettings.forEach((settings, i) => checkBlocks(report, [...path, 'portLevelSettings', i], settings))
}

function checkBlocks(report: Report, path: FieldPath, policy: PortTrafficPolicy): void {
  notHonoured(report, path, policy, ['tls'])
  const { loadBalancer: balancer, connectionPool: pool, outlierDetection: outlier } = policy
  if (balancer !== null) {
    const fields = ['consistentHash', 'localityLbSetting', 'warmupDurationSecs', 'warmup']
    notHonoured(report, [...path, 'loadBalancer'], balancer, fields)
  }
  if (pool?.tcp)
    notHonoured(report, [...path, 'connectionPool', 'tcp'], pool.tcp, ['tcpKeepalive', 'maxConnectionDuration'])
  if (pool?.http) notHonoured(report, [...path, 'connectionPool', 'http'], pool.http, ['http2KeepAlive'])
  if (outlier === null) return
  notHonoured(report, [...path, 'outlierDetection'], outlier, ['outlierDetectionHttpErrorCodes'])
  if (outlier.consecutiveErrors !== null) {
    const message = 'consecutiveErrors has no effect in Istio any more: use consecutive5xxErrors'
    report('warning', [...path, 'outlierDetection', 'consecutiveErrors'], message)
  }
}
