import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { LbEndpointSchema } from '../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import { FractionalPercent_DenominatorType } from '../gen/envoy/type/v3/percent_pb.ts'
import { type EndpointSpec, loadAssignment, socketAddress } from '../testing/resource-builders.ts'
import { clusterLoadAssignmentType, decodeLoadAssignment } from './endpoint.decode.ts'
import type { ClusterLoadAssignment } from './endpoint.ts'
import { Findings } from './findings.ts'

const ORIGIN = { version: 'v1' }
const decode = (bytes: Uint8Array): ReturnType<typeof clusterLoadAssignmentType.decode> =>
  clusterLoadAssignmentType.decode(bytes, ORIGIN)

function accepted(bytes: Uint8Array): ClusterLoadAssignment {
  const decoded = decode(bytes)
  if (!decoded.ok) throw new Error(decoded.errors.join('; '))
  return decoded.resource
}

function errors(bytes: Uint8Array): readonly string[] {
  const decoded = decode(bytes)
  return decoded.ok ? [] : decoded.errors
}

const warnings = (bytes: Uint8Array): readonly string[] => {
  const decoded = decode(bytes)
  return decoded.ok ? decoded.warnings : []
}

const assignment = (...endpoints: EndpointSpec[]): Uint8Array => loadAssignment({ cluster: 'c', endpoints }).value

/** What generated code reads from the same bytes, in the shape of ours. */
function generated(bytes: Uint8Array): unknown {
  const message = fromBinary(ClusterLoadAssignmentSchema, bytes)
  return {
    clusterName: message.clusterName,
    localities: message.endpoints.map((locality) => ({
      region: locality.locality?.region ?? '',
      zone: locality.locality?.zone ?? '',
      subZone: locality.locality?.subZone ?? '',
      priority: locality.priority,
      weight: locality.loadBalancingWeight ?? 0,
      endpoints: locality.lbEndpoints.map((endpoint) => {
        const address =
          endpoint.hostIdentifier.case === 'endpoint' ? endpoint.hostIdentifier.value.address?.address : undefined
        const socket = address?.case === 'socketAddress' ? address.value : undefined
        return [
          socket?.address,
          socket?.portSpecifier.value,
          endpoint.loadBalancingWeight ?? 1,
          endpoint.healthStatus,
          endpoint.metadata?.filterMetadata['istio']?.['workload'] ?? null,
        ]
      }),
    })),
  }
}

describe('clusterLoadAssignmentType', () => {
  it('keeps endpoints in columns and metadata as bytes', () => {
    const resource = accepted(
      assignment(
        { address: '10.0.0.1', port: 8080, weight: 3, workload: 'a;b;c;d;e' },
        { address: 'fd00::1', port: 9090, health: 2, workload: 'a;b;c;d;e' },
        { address: '10.0.0.2', port: 80, locality: { region: 'r', zone: 'z', subZone: 's' }, priority: 1 },
      ),
    )
    expect(resource.origin).toEqual({ type: 'ClusterLoadAssignment', name: 'c', version: 'v1', config: null })
    expect(resource.overprovisioningFactor).toBe(140)
    expect(resource.dropPerMillion).toBe(0)
    const [first, second] = resource.localities
    expect(first).toMatchObject({ region: '', priority: 0, weight: 4 })
    expect(first?.endpoints).toMatchObject({ count: 2, addresses: ['10.0.0.1', 'fd00::1'] })
    expect([...(first?.endpoints.ports ?? [])]).toEqual([8080, 9090])
    expect([...(first?.endpoints.weights ?? [])]).toEqual([3, 1])
    expect([...(first?.endpoints.health ?? [])]).toEqual([1, 2])
    expect(second).toMatchObject({ region: 'r', zone: 'z', subZone: 's', priority: 1 })
    expect(second?.endpoints.metadata).toEqual([null])
    // Equal metadata is one view.
    expect(first?.endpoints.metadata[0]).toBe(first?.endpoints.metadata[1])
  })

  it('reads what generated code reads', () => {
    const endpoint = fc.record({
      address: fc.oneof(
        fc.ipV4(),
        fc.ipV6().filter((text) => !text.includes('.')),
      ),
      port: fc.integer({ min: 0, max: 65_535 }),
      weight: fc.integer({ min: 1, max: 1_000_000 }),
      health: fc.integer({ min: 0, max: 5 }),
      priority: fc.constant(0),
      workload: fc.constantFrom('a;b;c;d;e', 'v1;b;c;d;e', 'v2;b;c;d;e', 'ä;b;c;d;e', ''),
      locality: fc.record({ region: fc.constantFrom('r1', 'r2', 'größe'), zone: fc.constantFrom('', 'z') }),
    })
    fc.assert(
      fc.property(fc.array(endpoint, { maxLength: 30 }), (endpoints) => {
        const bytes = assignment(...endpoints)
        const ours = accepted(bytes)
        const text = (view: Uint8Array | null): unknown =>
          view === null
            ? null
            : fromBinary(LbEndpointSchema, metadataField(view)).metadata?.filterMetadata['istio']?.['workload']
        expect({
          clusterName: ours.clusterName,
          localities: ours.localities.map(({ endpoints: columns, ...locality }) => ({
            ...locality,
            endpoints: columns.addresses.map((address, i) => [
              address,
              columns.ports[i],
              columns.weights[i],
              columns.health[i],
              text(columns.metadata[i] ?? null),
            ]),
          })),
        }).toEqual(generated(bytes))
      }),
    )
  })

  it('answers hostile bytes with errors and never throws', () => {
    const good = assignment(
      { address: '10.0.0.1', port: 80, weight: 2, workload: 'a;b;c;d;e', locality: { region: 'r' } },
      { address: '10.0.0.2', port: 81, health: 3 },
    )
    const changed = fc
      .array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const bytes = good.slice()
        for (const [at, value] of changes) bytes[at] = value
        return bytes
      })
    const cut = fc.nat({ max: good.length }).map((length) => good.slice(0, length))
    fc.assert(
      fc.property(fc.oneof(changed, cut, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        const decoded = decode(bytes)
        if (decoded.ok) expect(decoded.resource.clusterName).not.toBe('')
        else expect(decoded.errors.length).toBeGreaterThan(0)
      }),
      { numRuns: 2000 },
    )
  })

  it('does not read beyond a message that says it is longer than what holds it', () => {
    const inner = new BinaryWriter().uint32(10).uint32(100).finish()
    const bytes = new BinaryWriter().uint32(10).string('c').uint32(18).bytes(inner).raw(new Uint8Array(200)).finish()
    expect(errors(bytes)[0]).toContain('malformed')
  })

  it('accepts a locality without a weight as weight 0, and without a locality', () => {
    const bytes = toBinary(
      ClusterLoadAssignmentSchema,
      create(ClusterLoadAssignmentSchema, { clusterName: 'c', endpoints: [{ lbEndpoints: [] }] }),
    )
    expect(accepted(bytes).localities).toMatchObject([{ region: '', weight: 0, endpoints: { count: 0 } }])
  })

  it('accepts a unix socket', () => {
    const message = create(ClusterLoadAssignmentSchema, {
      clusterName: 'c',
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                case: 'endpoint',
                value: { address: { address: { case: 'pipe', value: { path: '/run/x.sock' } } } },
              },
            },
          ],
        },
      ],
    })
    const [locality] = accepted(toBinary(ClusterLoadAssignmentSchema, message)).localities
    expect(locality?.endpoints).toMatchObject({ addresses: ['/run/x.sock'] })
    expect(locality?.endpoints.ports[0]).toBe(0)
  })

  it.each<[string, string, EndpointSpec[]]>([
    [
      'a host name',
      'endpoints[0].lb_endpoints[0].endpoint.address: "localhost" is no IP address',
      [{ address: 'localhost', port: 1 }],
    ],
    [
      'an empty address',
      'endpoints[0].lb_endpoints[0].endpoint.address: "" is no IP address',
      [{ address: '', port: 1 }],
    ],
    [
      'a port above 65535',
      'endpoints[0].lb_endpoints[0].endpoint.address: 70000 is no port',
      [{ address: '1.1.1.1', port: 70_000 }],
    ],
    [
      'weight 0',
      'endpoints[0].lb_endpoints[0].load_balancing_weight: is 0',
      [{ address: '1.1.1.1', port: 1, weight: 0 }],
    ],
    [
      'an unknown health status',
      'endpoints[0].lb_endpoints[0].health_status: 9 is not known',
      [{ address: '1.1.1.1', port: 1, health: 9 }],
    ],
    [
      'a gap between priorities',
      'endpoints: no locality has priority 1, but a later one is there',
      [
        { address: '1.1.1.1', port: 1 },
        { address: '1.1.1.2', port: 1, priority: 2 },
      ],
    ],
    [
      'priorities that do not begin at 0',
      'endpoints: no locality has priority 0, but a later one is there',
      [{ address: '1.1.1.1', port: 1, priority: 1 }],
    ],
    [
      'a priority above 128',
      'endpoints[0].priority: 129 is above 128',
      [{ address: '1.1.1.1', port: 1, priority: 129 }],
    ],
    [
      'weights whose sum overflows',
      'endpoints[0].lb_endpoints: the weights add up to more than 4294967295',
      [
        { address: '1.1.1.1', port: 1, weight: 4_294_967_295 },
        { address: '1.1.1.2', port: 1, weight: 1 },
      ],
    ],
  ])('refuses %s', (_what, message, endpoints) => {
    expect(errors(loadAssignment({ cluster: 'c', endpoints }).value)).toContain(message)
  })

  it('collects every error', () => {
    const found = errors(assignment({ address: 'x', port: 1 }, { address: 'y', port: 70_000, weight: 0 }))
    expect(found).toHaveLength(4)
  })

  it('refuses a missing name and a missing address', () => {
    expect(errors(new Uint8Array())).toEqual(['cluster_name: is empty'])
    const message = create(ClusterLoadAssignmentSchema, { clusterName: 'c', endpoints: [{ lbEndpoints: [{}] }] })
    expect(errors(toBinary(ClusterLoadAssignmentSchema, message))).toEqual([
      'endpoints[0].lb_endpoints[0].endpoint: has no address and port',
    ])
  })

  it('takes categories of drops together', () => {
    const bytes = loadAssignment({
      cluster: 'c',
      endpoints: [],
      message: {
        policy: {
          overprovisioningFactor: 200,
          dropOverloads: [
            { category: 'a', dropPercentage: { numerator: 50 } },
            {
              category: 'b',
              dropPercentage: { numerator: 10, denominator: FractionalPercent_DenominatorType.HUNDRED },
            },
          ],
        },
      },
    }).value
    expect(accepted(bytes)).toMatchObject({ overprovisioningFactor: 200, dropPerMillion: 550_000 })
  })

  it('reports fields that it does not honour, once each', () => {
    const specs = ['1.1.1.1', '1.1.1.2'].map((address) => ({
      hostIdentifier: {
        case: 'endpoint' as const,
        value: { address: socketAddress(address, 80), hostname: 'h', healthCheckConfig: { portValue: 1 } },
      },
    }))
    const bytes = loadAssignment({
      cluster: 'c',
      endpoints: [],
      message: { endpoints: [{ lbEndpoints: specs }] },
    }).value
    expect(warnings(bytes)).toEqual([
      'endpoints[0].lb_endpoints[0].endpoint.health_check_config: ignored: endpoints are not checked actively (and 1 more)',
      'endpoints[0].lb_endpoints[0].endpoint.hostname: ignored: the Host header is not rewritten to it (and 1 more)',
    ])
  })

  it('reports fields that nobody knows', () => {
    const bytes = new BinaryWriter()
      .uint32(10)
      .string('c')
      .uint32((99 << 3) | 0)
      .uint32(7)
      .finish()
    expect(warnings(bytes)).toEqual([
      'field 99: ignored: unknown field of envoy.config.endpoint.v3.ClusterLoadAssignment',
    ])
  })

  it('takes host names where a cluster is resolved by DNS', () => {
    const findings = new Findings()
    const resource = decodeLoadAssignment(assignment({ address: 'example.com', port: 443 }), 'v1', {
      findings,
      hostNames: true,
    })
    expect(findings.hasErrors).toBe(false)
    expect(resource.localities[0]?.endpoints.addresses).toEqual(['example.com'])
  })
})

/** An LbEndpoint with only this metadata. */
function metadataField(view: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .uint32((3 << 3) | 2)
    .bytes(view)
    .finish()
}
