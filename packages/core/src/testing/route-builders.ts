// The route configurations of resource-builders.ts: virtual hosts, routes, splits and retries in few words.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt'
import { type RouteConfiguration, RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import {
  DirectResponseActionSchema,
  NonForwardingActionSchema,
  type RetryPolicy,
  RetryPolicySchema,
  RetryPolicy_RetryBackOffSchema,
  type Route,
  RouteActionSchema,
  type RouteMatch,
  RouteMatchSchema,
  RouteSchema,
  type VirtualHost,
  VirtualHostSchema,
  WeightedClusterSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { DataSourceSchema } from '../gen/envoy/config/core/v3/base_pb.ts'
import { RegexMatcherSchema } from '../gen/envoy/type/matcher/v3/regex_pb.ts'

/** A route configuration in short. */
export interface RouteConfigurationSpec {
  readonly name: string
  readonly virtualHosts: readonly VirtualHostSpec[]
  readonly message?: MessageInitShape<typeof RouteConfigurationSchema>
}

/** A virtual host in short; its name is its first domain unless given. */
export interface VirtualHostSpec {
  readonly name?: string
  readonly domains: readonly string[]
  readonly routes: readonly RouteSpec[]
  readonly message?: MessageInitShape<typeof VirtualHostSchema>
}

/** A route in short: how it matches (prefix `/` unless given), and one of cluster, weighted, redirect, direct response, non-forwarding. */
export interface RouteSpec {
  readonly name?: string
  readonly prefix?: string
  readonly path?: string
  readonly regex?: string
  /** Header name to the exact value that it must have. */
  readonly headers?: Readonly<Record<string, string>>
  readonly cluster?: string
  /** Cluster name to weight. */
  readonly weighted?: Readonly<Record<string, number>>
  readonly directResponse?: { readonly status: number; readonly body?: string }
  readonly nonForwarding?: boolean
  readonly timeoutMs?: number
  readonly retry?: RetrySpec
  readonly prefixRewrite?: string
  /** Fields of RouteAction beside these. */
  readonly action?: MessageInitShape<typeof RouteActionSchema>
  /** Fields of Route beside these. */
  readonly message?: MessageInitShape<typeof RouteSchema>
}

/** A retry policy in short; `retryOn` as Envoy writes it, with commas. */
export interface RetrySpec {
  readonly retryOn: string
  readonly numRetries?: number
  readonly perTryTimeoutMs?: number
  readonly baseMs?: number
  readonly maxMs?: number
  readonly retriableStatusCodes?: readonly number[]
  readonly previousHosts?: boolean
}

/** A span of time as protobuf carries it. */
export function duration(ms: number): Duration {
  return create(DurationSchema, {
    seconds: BigInt(Math.trunc(ms / 1000)),
    nanos: Math.round((ms % 1000) * 1_000_000),
  })
}

/** A message with the fields that `over` names in place of its own. */
export function overlay<Desc extends DescMessage>(
  schema: Desc,
  fields: MessageInitShape<Desc>,
  over: MessageInitShape<Desc> | undefined,
): MessageShape<Desc> {
  const message = create(schema, fields)
  if (over !== undefined) {
    const other = create(schema, over)
    for (const key of Object.keys(over) as (keyof MessageShape<Desc>)[]) message[key] = other[key]
  }
  return message
}

/** The message of a route configuration. */
export function routeConfigurationMessage(spec: RouteConfigurationSpec): RouteConfiguration {
  return overlay(
    RouteConfigurationSchema,
    { name: spec.name, virtualHosts: spec.virtualHosts.map(virtualHost) },
    spec.message,
  )
}

function virtualHost(spec: VirtualHostSpec): VirtualHost {
  return overlay(
    VirtualHostSchema,
    { name: spec.name ?? spec.domains[0] ?? '', domains: [...spec.domains], routes: spec.routes.map(route) },
    spec.message,
  )
}

function route(spec: RouteSpec): Route {
  return overlay(
    RouteSchema,
    {
      name: spec.name ?? '',
      match: create(RouteMatchSchema, {
        pathSpecifier: pathSpecifier(spec),
        headers: Object.entries(spec.headers ?? {}).map(([name, value]) => ({
          name,
          headerMatchSpecifier: {
            case: 'stringMatch' as const,
            value: { matchPattern: { case: 'exact' as const, value } },
          },
        })),
      }),
      action: action(spec),
    },
    spec.message,
  )
}

function pathSpecifier(spec: RouteSpec): RouteMatch['pathSpecifier'] {
  if (spec.path !== undefined) return { case: 'path', value: spec.path }
  if (spec.regex !== undefined) return { case: 'safeRegex', value: create(RegexMatcherSchema, { regex: spec.regex }) }
  return { case: 'prefix', value: spec.prefix ?? '/' }
}

function action(spec: RouteSpec): Route['action'] {
  if (spec.nonForwarding === true) return { case: 'nonForwardingAction', value: create(NonForwardingActionSchema) }
  if (spec.directResponse !== undefined) {
    const { status, body } = spec.directResponse
    const value = create(DirectResponseActionSchema, { status })
    if (body !== undefined) value.body = create(DataSourceSchema, { specifier: { case: 'inlineString', value: body } })
    return { case: 'directResponse', value }
  }
  const forward = create(RouteActionSchema, { prefixRewrite: spec.prefixRewrite ?? '' })
  forward.clusterSpecifier = { case: 'cluster', value: spec.cluster ?? '' }
  if (spec.weighted !== undefined) {
    const clusters = Object.entries(spec.weighted).map(([name, weight]) => ({ name, weight }))
    forward.clusterSpecifier = { case: 'weightedClusters', value: create(WeightedClusterSchema, { clusters }) }
  }
  if (spec.timeoutMs !== undefined) forward.timeout = duration(spec.timeoutMs)
  if (spec.retry !== undefined) forward.retryPolicy = retryPolicy(spec.retry)
  return { case: 'route', value: overlay(RouteActionSchema, forward, spec.action) }
}

function retryPolicy(spec: RetrySpec): RetryPolicy {
  const policy = create(RetryPolicySchema, {
    retryOn: spec.retryOn,
    retriableStatusCodes: [...(spec.retriableStatusCodes ?? [])],
    retryHostPredicate: spec.previousHosts === true ? [{ name: 'envoy.retry_host_predicates.previous_hosts' }] : [],
  })
  if (spec.numRetries !== undefined) policy.numRetries = spec.numRetries
  if (spec.perTryTimeoutMs !== undefined) policy.perTryTimeout = duration(spec.perTryTimeoutMs)
  if (spec.baseMs !== undefined) {
    policy.retryBackOff = create(RetryPolicy_RetryBackOffSchema, { baseInterval: duration(spec.baseMs) })
    if (spec.maxMs !== undefined) policy.retryBackOff.maxInterval = duration(spec.maxMs)
  }
  return policy
}
