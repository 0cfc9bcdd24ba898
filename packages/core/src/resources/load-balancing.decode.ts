// Which load balancing a cluster asks for: the first known entry of load_balancing_policy, else lb_policy (config/cluster/v3).
import type { DescMessage, MessageShape } from '@bufbuild/protobuf'
import type { Any } from '@bufbuild/protobuf/wkt'
import type { Cluster as ClusterMessage, LoadBalancingPolicy } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import {
  Cluster_LbPolicy,
  fromBinary,
  LeastRequestSchema,
  RandomSchema,
  RoundRobinSchema,
  WrrLocalitySchema,
} from '../gen/messages.js'
import { clusterSupport } from './cluster.support.ts'
import type { LoadBalancing } from './cluster.ts'
import { typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'

/** The policy in force; an unknown one becomes round robin, with a warning. */
export function decodeLoadBalancing(cluster: ClusterMessage, findings: Findings): LoadBalancing {
  if (cluster.loadBalancingPolicy !== undefined)
    return firstKnown(cluster.loadBalancingPolicy, 'load_balancing_policy', findings)
  switch (cluster.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      return { kind: 'round_robin' }
    case Cluster_LbPolicy.LEAST_REQUEST:
      return cluster.lbConfig.case === 'leastRequestLbConfig'
        ? leastRequest(cluster.lbConfig.value.choiceCount, 'least_request_lb_config', findings)
        : { kind: 'least_request', choiceCount: DEFAULT_CHOICES }
    case Cluster_LbPolicy.RANDOM:
      return { kind: 'random' }
    // Belongs to original-destination clusters, where there is nothing to choose.
    case Cluster_LbPolicy.CLUSTER_PROVIDED:
      return { kind: 'round_robin' }
    case Cluster_LbPolicy.LOAD_BALANCING_POLICY_CONFIG:
      findings.error('load_balancing_policy', 'is missing')
      return { kind: 'round_robin' }
    case Cluster_LbPolicy.RING_HASH:
      return unsupported('RING_HASH', 'lb_policy', findings)
    case Cluster_LbPolicy.MAGLEV:
      return unsupported('MAGLEV', 'lb_policy', findings)
    default:
      return unsupported(`lb_policy ${cluster.lbPolicy}`, 'lb_policy', findings)
  }
}

// Envoy: policies are in order of preference; what this version does not know is passed over.
function firstKnown(list: LoadBalancingPolicy, path: string, findings: Findings): LoadBalancing {
  for (const [i, { typedExtensionConfig }] of list.policies.entries()) {
    const config = typedExtensionConfig?.typedConfig
    const known = config === undefined ? null : decodePolicy(config, `${path}.policies[${i}]`, findings)
    if (known !== null) return known
  }
  const first = list.policies[0]?.typedExtensionConfig?.typedConfig
  if (first === undefined) {
    findings.error(path, 'has no policy')
    return { kind: 'round_robin' }
  }
  return unsupported(typeName(first), path, findings)
}

function decodePolicy(config: Any, path: string, findings: Findings): LoadBalancing | null {
  const at = `${path}.typed_extension_config.typed_config`
  const read = <Desc extends DescMessage>(schema: Desc): MessageShape<Desc> => {
    const message = fromBinary(schema, config.value)
    clusterSupport.report(schema, message, at, findings)
    return message
  }
  switch (typeName(config)) {
    case RoundRobinSchema.typeName:
      read(RoundRobinSchema)
      return { kind: 'round_robin' }
    case RandomSchema.typeName:
      read(RandomSchema)
      return { kind: 'random' }
    case LeastRequestSchema.typeName:
      return leastRequest(read(LeastRequestSchema).choiceCount, at, findings)
    case WrrLocalitySchema.typeName: {
      const inner = read(WrrLocalitySchema).endpointPickingPolicy
      findings.value('approximated', path, 'localities count by the weights of their endpoints')
      return inner === undefined ? null : firstKnown(inner, `${at}.endpoint_picking_policy`, findings)
    }
    default:
      return null
  }
}

function leastRequest(choiceCount: number | undefined, path: string, findings: Findings): LoadBalancing {
  if (choiceCount !== undefined && choiceCount < 2) findings.error(`${path}.choice_count`, `${choiceCount} is below 2`)
  return { kind: 'least_request', choiceCount: choiceCount ?? DEFAULT_CHOICES }
}

function unsupported(policy: string, path: string, findings: Findings): LoadBalancing {
  findings.value('approximated', path, `${policy} is not known: round robin is used`)
  return { kind: 'unsupported', policy, fallback: 'round_robin' }
}

const DEFAULT_CHOICES = 2
