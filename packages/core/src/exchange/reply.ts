// A local reply: an answer that the mesh gives itself. A prebuilt value, never thrown.
import { ResponseFlag } from './response-flag.ts'

/** An answer made by us. */
export class Reply {
  readonly status: number
  /** gRPC status for a gRPC request; null derives it from the HTTP status. */
  readonly grpcStatus: number | null
  readonly body: string
  /** Header fields beside content-type and content-length: name, value, name, value, ... */
  readonly headers: readonly string[]
  readonly flag: number
  /** Envoy's response code details, such as `no_healthy_upstream`. */
  readonly details: string

  constructor(
    status: number,
    body: string,
    flag: number,
    details: string,
    headers: readonly string[] = [],
    grpcStatus: number | null = null,
  ) {
    this.status = status
    this.body = body
    this.flag = flag
    this.details = details
    this.headers = headers
    this.grpcStatus = grpcStatus
  }
}

/** The replies that every shell gives, with Envoy's bodies and details. */
export const replies: {
  readonly routeNotFound: Reply
  readonly clusterNotFound: Reply
  readonly noHealthyUpstream: Reply
  readonly overflow: Reply
  readonly upstreamRequestTimeout: Reply
  readonly perTryTimeout: Reply
} = {
  routeNotFound: new Reply(404, '', ResponseFlag.NoRouteFound, 'route_not_found'),
  clusterNotFound: new Reply(503, '', ResponseFlag.NoClusterFound, 'cluster_not_found'),
  noHealthyUpstream: new Reply(503, 'no healthy upstream', ResponseFlag.NoHealthyUpstream, 'no_healthy_upstream'),
  overflow: new Reply(
    503,
    'upstream connect error or disconnect/reset before headers. reset reason: overflow',
    ResponseFlag.UpstreamOverflow,
    'upstream_reset_before_response_started{overflow}',
    ['x-envoy-overloaded', 'true'],
  ),
  upstreamRequestTimeout: new Reply(
    504,
    'upstream request timeout',
    ResponseFlag.UpstreamRequestTimeout,
    'upstream_response_timeout',
  ),
  perTryTimeout: new Reply(
    504,
    'upstream request timeout',
    ResponseFlag.UpstreamRequestTimeout,
    'upstream_per_try_timeout',
  ),
}
