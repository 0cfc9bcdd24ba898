// Endpoints: decode and apply a ClusterLoadAssignment of 1,000 to 100,000 endpoints, against the generated decoder alone.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ClusterLoadAssignmentSchema } from '@inmesh/core/gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { seededRandom } from '@inmesh/core/testing'
import { clusterLoadAssignmentType } from '../packages/core/src/resources/endpoint.decode.ts'
import { loadResourceTypes } from '../packages/core/src/resources/resource-types.ts'
import { LiveCluster } from '../packages/core/src/router/live-cluster.ts'
import { systemClock } from '../packages/core/src/runtime/clock.ts'
import { silentLogger } from '../packages/core/src/runtime/log.ts'
import { edsCluster } from '../packages/core/src/testing/resource-builders.ts'
import { type Report, type Row, row } from './report.ts'

const SIZES = [1_000, 10_000, 100_000] as const

/** Runs it; `rounds` is 25 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 25
  const types = await loadResourceTypes()
  const rows: Row[] = []
  for (const size of SIZES) {
    const bytes = assignment(size, 1)
    const changed = assignment(size, 2)
    const decoded = types.cluster.decode(edsCluster({ name: 'bench' }).value, { version: '1' })
    if (!decoded.ok) throw new Error(decoded.errors.join(', '))
    const cluster = new LiveCluster(decoded.resource, {
      clock: systemClock,
      random: seededRandom(1),
      log: silentLogger,
    })
    const results: { baseline: number; value: number }[] = []
    // No forced collection between rounds: with nothing under way it makes V8 throw optimised code away.
    for (let round = -Math.max(5, Math.ceil(200_000 / size)); round < times; round++) {
      const start = performance.now()
      fromBinary(ClusterLoadAssignmentSchema, round % 2 === 0 ? bytes : changed)
      const between = performance.now()
      const result = clusterLoadAssignmentType.decode(round % 2 === 0 ? bytes : changed, { version: String(round) })
      if (!result.ok) throw new Error(result.errors.join(', '))
      cluster.setEndpoints(result.resource)
      const end = performance.now()
      if (round >= 0) results.push({ baseline: between - start, value: end - between })
    }
    rows.push(row(`${size} endpoints`, 'ms', results))
    cluster.close()
  }
  return { name: 'eds', node: process.versions.node, rounds: times, rows }
}

/** As istiod encodes them: three localities, weight, metadata with the workload. */
function assignment(count: number, weight: number): Uint8Array {
  const localities = [0, 1, 2].map((zone) => ({
    locality: { region: 'region', zone: `zone-${zone}` },
    loadBalancingWeight: count,
    lbEndpoints: Array.from({ length: Math.ceil((count - zone) / 3) }, (_, i) => {
      const host = i * 3 + zone
      return {
        loadBalancingWeight: weight,
        hostIdentifier: {
          case: 'endpoint' as const,
          value: {
            address: {
              address: {
                case: 'socketAddress' as const,
                value: {
                  address: `10.${(host >> 16) & 255}.${(host >> 8) & 255}.${host & 255}`,
                  portSpecifier: { case: 'portValue' as const, value: 8080 },
                },
              },
            },
          },
        },
        metadata: {
          filterMetadata: {
            istio: { workload: 'reviews-v1;shop;reviews;v1;Kubernetes' },
            'envoy.transport_socket_match': { tlsMode: 'istio' },
          },
        },
      }
    }),
  }))
  return toBinary(
    ClusterLoadAssignmentSchema,
    create(ClusterLoadAssignmentSchema, { clusterName: 'bench', endpoints: localities }),
  )
}
