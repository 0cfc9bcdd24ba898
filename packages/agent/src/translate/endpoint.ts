// Endpoints of a cluster, by locality (istio pilot/pkg/xds/endpoints).
import { isIP } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { HealthStatus } from '@inmesh/core/gen/envoy/config/core/v3/health_check_pb.ts'
import {
  type LbEndpoint,
  LbEndpointSchema,
  type LocalityLbEndpoints,
  LocalityLbEndpointsSchema,
} from '@inmesh/core/gen/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from '@inmesh/core/gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import type { Instance } from '../model/instance.ts'
import { canonicalName, canonicalRevision, type Labels, labelsMatch } from '../model/labels.ts'
import { encodeResource } from './encode.ts'
import { istioMetadata } from './istio-metadata.ts'
import type { TranslatedResource } from './resource.ts'

/** The endpoints named `name`: the instances that carry the subset's labels. An unknown service has none. */
export function clusterLoadAssignment(
  name: string,
  instances: readonly Instance[],
  subset: Labels,
): TranslatedResource {
  const members = subsetOf(instances, subset).filter(({ address }) => isIP(address) !== 0)
  return encodeResource(ClusterLoadAssignmentSchema, name, loadAssignment(name, members))
}

/** Instances that carry the labels. */
export function subsetOf(instances: readonly Instance[], subset: Labels): readonly Instance[] {
  return instances.filter(({ labels }) => labelsMatch(subset, labels))
}

/** The message, localities sorted by name. A locality weighs as much as its endpoints together. */
export function loadAssignment(name: string, instances: readonly Instance[]): ClusterLoadAssignment {
  const localities = new Map<string, Instance[]>()
  for (const instance of instances) {
    const list = localities.get(instance.locality)
    if (list === undefined) localities.set(instance.locality, [instance])
    else list.push(instance)
  }
  const endpoints = [...localities.keys()].toSorted().map((locality) => {
    return localityEndpoints(locality, localities.get(locality) ?? [])
  })
  return create(ClusterLoadAssignmentSchema, { clusterName: name, endpoints })
}

function localityEndpoints(locality: string, instances: readonly Instance[]): LocalityLbEndpoints {
  const [region = '', zone = '', subZone = ''] = locality.split('/')
  const total = instances.reduce((sum, { weight }) => sum + weight, 0)
  return create(LocalityLbEndpointsSchema, {
    locality: { region, zone, subZone },
    lbEndpoints: instances.map(lbEndpoint),
    // gRPC ignores a locality without a weight.
    loadBalancingWeight: Math.min(total, 4_294_967_295),
  })
}

function lbEndpoint(instance: Instance): LbEndpoint {
  const { address, port, healthy, weight } = instance
  return create(LbEndpointSchema, {
    hostIdentifier: {
      case: 'endpoint',
      value: {
        address: {
          address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
        },
      },
    },
    healthStatus: healthy ? HealthStatus.HEALTHY : HealthStatus.UNHEALTHY,
    metadata: istioMetadata({ workload: workloadText(instance) }),
    loadBalancingWeight: weight,
  })
}

// `name;namespace;canonical name;canonical revision;cluster`: what telemetry says of a peer that says nothing itself.
function workloadText({ workloadName, namespace, labels, clusterId }: Instance): string {
  const revision = canonicalRevision(labels)
  const name = canonicalName(labels, workloadName)
  return [workloadName, namespace, name, revision === 'latest' ? '' : revision, clusterId].join(';')
}
