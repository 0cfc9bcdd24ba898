// Which HTTP version an upstream is spoken to in, and how long its connections live (istio
// pilot/pkg/networking/core/cluster_builder.go).
import { create } from '@bufbuild/protobuf'
import { type Any, durationFromMs } from '@bufbuild/protobuf/wkt'
import {
  type HttpProtocolOptions,
  HttpProtocolOptionsSchema,
} from '@inmesh/core/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import { isHttp, isHttp2, type Protocol } from '../model/protocol.ts'
import type { ConnectionPool } from '../model/traffic-policy.ts'
import { pack } from './encode.ts'

/** Key of the options in `typed_extension_protocol_options`. */
export const HTTP_PROTOCOL_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** The options of a cluster; null when HTTP/1.1 with Envoy's defaults, or no HTTP at all, is meant. */
export function httpProtocolOptions(protocol: Protocol, pool: ConnectionPool | null, mesh: MeshConfig): Any | null {
  if (!isHttp(protocol)) return null
  const http = pool?.http ?? null
  const options = create(HttpProtocolOptionsSchema)
  const idleTimeout = http?.idleTimeout ?? pool?.tcp?.idleTimeout ?? null
  const requests = http?.maxRequestsPerConnection ?? 0
  if (idleTimeout !== null || requests > 0) {
    options.commonHttpProtocolOptions = create(HttpProtocolOptionsSchema, {
      commonHttpProtocolOptions: {
        ...(idleTimeout === null ? {} : { idleTimeout: durationFromMs(idleTimeout) }),
        ...(requests > 0 ? { maxRequestsPerConnection: requests } : {}),
      },
    }).commonHttpProtocolOptions
  }
  const upstream = upstreamProtocol(protocol, http, mesh)
  if (upstream === null && options.commonHttpProtocolOptions === undefined) return null
  options.upstreamProtocolOptions = upstream ?? HTTP1
  return pack(HttpProtocolOptionsSchema, options)
}

type Upstream = HttpProtocolOptions['upstreamProtocolOptions']

function upstreamProtocol(protocol: Protocol, http: ConnectionPool['http'], mesh: MeshConfig): Upstream | null {
  const streams = http?.maxConcurrentStreams ?? 0
  const http2ProtocolOptions = streams > 0 ? { maxConcurrentStreams: streams } : {}
  if (http?.useClientProtocol === true) return downstream(http2ProtocolOptions)
  if (isHttp2(protocol) || upgrades(protocol, http, mesh)) {
    return create(HttpProtocolOptionsSchema, {
      upstreamProtocolOptions: {
        case: 'explicitHttpConfig',
        value: { protocolConfig: { case: 'http2ProtocolOptions', value: http2ProtocolOptions } },
      },
    }).upstreamProtocolOptions
  }
  return protocol === 'auto' ? downstream(http2ProtocolOptions) : null
}

// A DestinationRule that asks for the upgrade knows its port; the mesh's setting is for ports that are declared HTTP.
function upgrades(protocol: Protocol, http: ConnectionPool['http'], mesh: MeshConfig): boolean {
  if (http?.h2UpgradePolicy === 'UPGRADE') return true
  if (http?.h2UpgradePolicy === 'DO_NOT_UPGRADE') return false
  return mesh.h2UpgradePolicy === 'UPGRADE' && protocol === 'http'
}

function downstream(http2ProtocolOptions: { maxConcurrentStreams?: number }): Upstream {
  return create(HttpProtocolOptionsSchema, {
    upstreamProtocolOptions: {
      case: 'useDownstreamProtocolConfig',
      value: { httpProtocolOptions: {}, http2ProtocolOptions },
    },
  }).upstreamProtocolOptions
}

const HTTP1: Upstream = create(HttpProtocolOptionsSchema, {
  upstreamProtocolOptions: {
    case: 'explicitHttpConfig',
    value: { protocolConfig: { case: 'httpProtocolOptions', value: {} } },
  },
}).upstreamProtocolOptions
