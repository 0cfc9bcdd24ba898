// Decodes Cluster: where its endpoints come from, how they are chosen, and the limits of their use.
import {
  Cluster_DiscoveryType,
  ClusterLoadAssignmentSchema,
  ClusterSchema,
  DnsClusterSchema,
  fromBinary,
  toBinary,
} from '../gen/messages.js'
import type { Cluster as ClusterMessage } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import type { Decoded, ResourceType } from '../xds/resource-type.ts'
import { decodeCircuitBreakers, decodeOutlierDetection } from './cluster-limits.decode.ts'
import { clusterSupport } from './cluster.support.ts'
import type { Cluster, ClusterDiscovery } from './cluster.ts'
import {
  decodeMetadata,
  decodeTransportSocket,
  istioConfig,
  positiveDurationMs,
  typeName,
} from './core-messages.decode.ts'
import { decodeLoadAssignment } from './endpoint.decode.ts'
import type { ClusterLoadAssignment } from './endpoint.ts'
import { decodeSafely, Findings } from './findings.ts'
import { decodeLoadBalancing } from './load-balancing.decode.ts'
import { decodeUpstreamProtocol } from './upstream-protocol.decode.ts'

/** CDS. */
export const clusterType: ResourceType<Cluster> = {
  typeUrl: `type.googleapis.com/${ClusterSchema.typeName}`,
  shortName: 'Cluster',
  fullState: true,
  decode: (bytes, origin) => decodeSafely(bytes, () => decode(bytes, origin.version)),
}

function decode(bytes: Uint8Array, version: string): Decoded<Cluster> {
  const message = fromBinary(ClusterSchema, bytes)
  const findings = new Findings()
  // The load assignment has a table and a reader of its own.
  const { loadAssignment } = message
  delete message.loadAssignment
  clusterSupport.report(ClusterSchema, message, '', findings)
  if (loadAssignment !== undefined) message.loadAssignment = loadAssignment
  if (message.name === '') findings.error('name', 'is empty')
  const metadata = decodeMetadata(message.metadata)
  return findings.decoded(message.name, {
    origin: { type: 'Cluster', name: message.name, version, config: istioConfig(metadata) },
    name: message.name,
    altStatName: message.altStatName,
    discovery: decodeDiscovery(message, version, findings),
    // Envoy: 5 s.
    connectTimeoutMs: positiveDurationMs(message.connectTimeout, 'connect_timeout', findings) ?? 5000,
    loadBalancing: decodeLoadBalancing(message, findings),
    circuitBreakers: decodeCircuitBreakers(message.circuitBreakers),
    outlierDetection: decodeOutlierDetection(message.outlierDetection, findings),
    ...decodeUpstreamProtocol(message, findings),
    healthyPanicThreshold: healthyPanicThreshold(message, findings),
    transportSocket: decodeTransportSocket(message.transportSocket, 'transport_socket', findings),
    transportSocketMatches: transportSocketMatches(message, findings),
    metadata,
  })
}

function decodeDiscovery(cluster: ClusterMessage, version: string, findings: Findings): ClusterDiscovery {
  const { clusterDiscoveryType: given } = cluster
  if (given.case === 'clusterType') return customDiscovery(cluster, version, findings)
  // Envoy: STATIC is the default.
  switch (given.value ?? Cluster_DiscoveryType.STATIC) {
    case Cluster_DiscoveryType.EDS: {
      // gRPC A27: ads or self; the support table refuses the others.
      if (cluster.edsClusterConfig?.edsConfig?.configSourceSpecifier.case === undefined)
        findings.error('eds_cluster_config.eds_config', 'is missing')
      const serviceName = cluster.edsClusterConfig?.serviceName ?? ''
      return { kind: 'eds', serviceName: serviceName === '' ? cluster.name : serviceName }
    }
    case Cluster_DiscoveryType.STATIC:
      return { kind: 'static', endpoints: endpoints(cluster, version, findings) }
    case Cluster_DiscoveryType.STRICT_DNS:
      return dns('strict_dns', cluster, version, findings)
    case Cluster_DiscoveryType.LOGICAL_DNS:
      return dns('logical_dns', cluster, version, findings)
    case Cluster_DiscoveryType.ORIGINAL_DST:
      return { kind: 'original_dst' }
    default:
      findings.error('type', `${given.value} is not known`)
      return { kind: 'original_dst' }
  }
}

function dns(
  kind: 'strict_dns' | 'logical_dns',
  cluster: ClusterMessage,
  version: string,
  findings: Findings,
): ClusterDiscovery {
  return {
    kind,
    endpoints: endpoints(cluster, version, findings),
    // Envoy: 5 s.
    refreshMs: positiveDurationMs(cluster.dnsRefreshRate, 'dns_refresh_rate', findings) ?? 5000,
    respectTtl: cluster.respectDnsTtl,
  }
}

// Extensions of discovery: DNS clusters are the older types in a new form, others are not known.
function customDiscovery(cluster: ClusterMessage, version: string, findings: Findings): ClusterDiscovery {
  const { clusterDiscoveryType: given } = cluster
  const config = given.case === 'clusterType' ? given.value.typedConfig : undefined
  if (config === undefined || typeName(config) !== DnsClusterSchema.typeName) {
    findings.error('cluster_type', `${config === undefined ? '' : typeName(config)} is not known`)
    return { kind: 'original_dst' }
  }
  const path = 'cluster_type.typed_config'
  const message = fromBinary(DnsClusterSchema, config.value)
  clusterSupport.report(DnsClusterSchema, message, path, findings)
  return {
    kind: message.allAddressesInSingleEndpoint ? 'logical_dns' : 'strict_dns',
    endpoints: endpoints(cluster, version, findings),
    refreshMs: positiveDurationMs(message.dnsRefreshRate, `${path}.dns_refresh_rate`, findings) ?? 5000,
    respectTtl: message.respectDnsTtl,
  }
}

function endpoints(cluster: ClusterMessage, version: string, findings: Findings): ClusterLoadAssignment {
  if (cluster.loadAssignment === undefined) {
    findings.error('load_assignment', 'is missing')
    return { ...NO_ENDPOINTS, clusterName: cluster.name }
  }
  const bytes = toBinary(ClusterLoadAssignmentSchema, cluster.loadAssignment)
  const own = new Findings()
  const assignment = decodeLoadAssignment(bytes, version, { hostNames: true, findings: own })
  findings.merge(own, 'load_assignment')
  return assignment
}

function transportSocketMatches(cluster: ClusterMessage, findings: Findings): Cluster['transportSocketMatches'] {
  const matches: Cluster['transportSocketMatches'][number][] = []
  cluster.transportSocketMatches.forEach(({ name, match, transportSocket }, i) => {
    const path = `transport_socket_matches[${i}]`
    const socket = decodeTransportSocket(transportSocket, `${path}.transport_socket`, findings)
    if (name === '') findings.error(`${path}.name`, 'is empty')
    matches.push({ name, match: match ?? {}, socket })
  })
  return matches
}

function healthyPanicThreshold(cluster: ClusterMessage, findings: Findings): number {
  const percent = cluster.commonLbConfig?.healthyPanicThreshold?.value ?? 50
  if (percent < 0 || percent > 100 || Number.isNaN(percent))
    findings.error('common_lb_config.healthy_panic_threshold', `${percent} is no percentage`)
  return percent
}

const NO_ENDPOINTS: ClusterLoadAssignment = {
  origin: { type: 'ClusterLoadAssignment', name: '', version: '', config: null },
  clusterName: '',
  localities: [],
  overprovisioningFactor: 140,
  dropPerMillion: 0,
}
