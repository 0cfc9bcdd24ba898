// How a cluster is spoken to: its protocol, idle timeout and requests per connection, from the HttpProtocolOptions
// extension (extensions/upstreams/http/v3) or from the older fields of Cluster.
import { Cluster_ClusterProtocolSelection, fromBinary, HttpProtocolOptionsSchema } from '../gen/messages.js'
import type { Cluster as ClusterMessage } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { HttpProtocolOptions as CommonOptions } from '../gen/envoy/config/core/v3/protocol_pb.ts'
import type { HttpProtocolOptions } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { clusterSupport } from './cluster.support.ts'
import type { Cluster, UpstreamProtocol } from './cluster.ts'
import { durationMs, typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'

/** The extension's options win over the older fields. */
export function decodeUpstreamProtocol(
  cluster: ClusterMessage,
  findings: Findings,
): Pick<Cluster, 'protocol' | 'idleTimeoutMs' | 'maxRequestsPerConnection'> {
  let protocol = olderProtocol(cluster)
  let common = cluster.commonHttpProtocolOptions
  let commonPath = 'common_http_protocol_options'
  for (const [name, any] of Object.entries(cluster.typedExtensionProtocolOptions)) {
    const path = `typed_extension_protocol_options["${name}"]`
    if (typeName(any) !== HttpProtocolOptionsSchema.typeName) {
      findings.value('ignored', path, `${typeName(any)} is not known`)
      continue
    }
    const options = fromBinary(HttpProtocolOptionsSchema, any.value)
    clusterSupport.report(HttpProtocolOptionsSchema, options, path, findings)
    protocol = extensionProtocol(options, path, findings)
    common = options.commonHttpProtocolOptions ?? common
    commonPath = `${path}.common_http_protocol_options`
  }
  return { protocol, ...commonOptions(common, cluster, commonPath, findings) }
}

function commonOptions(
  common: CommonOptions | undefined,
  cluster: ClusterMessage,
  path: string,
  findings: Findings,
): Pick<Cluster, 'idleTimeoutMs' | 'maxRequestsPerConnection'> {
  const max = common?.maxRequestsPerConnection ?? cluster.maxRequestsPerConnection ?? 0
  return {
    idleTimeoutMs: durationMs(common?.idleTimeout, `${path}.idle_timeout`, findings) ?? ONE_HOUR_MS,
    // Envoy: 0 is no limit.
    maxRequestsPerConnection: max === 0 ? null : max,
  }
}

function extensionProtocol(options: HttpProtocolOptions, path: string, findings: Findings): UpstreamProtocol {
  const given = options.upstreamProtocolOptions
  switch (given.case) {
    case 'explicitHttpConfig':
      switch (given.value.protocolConfig.case) {
        case 'httpProtocolOptions':
          return 'http1'
        case 'http2ProtocolOptions':
        case 'http3ProtocolOptions':
          return 'http2'
        case undefined:
          findings.error(`${path}.explicit_http_config`, 'has no protocol')
          return 'http1'
      }
      break
    case 'useDownstreamProtocolConfig':
      return 'use_downstream'
    case 'autoConfig':
      return 'http1'
    case undefined:
      findings.error(path, 'has no upstream_protocol_options')
      return 'http1'
  }
  return 'http1'
}

function olderProtocol(cluster: ClusterMessage): UpstreamProtocol {
  if (cluster.protocolSelection === Cluster_ClusterProtocolSelection.USE_DOWNSTREAM_PROTOCOL) return 'use_downstream'
  return cluster.http2ProtocolOptions === undefined ? 'http1' : 'http2'
}

const ONE_HOUR_MS = 3_600_000
