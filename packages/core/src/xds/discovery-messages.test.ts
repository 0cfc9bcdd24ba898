import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
  ResourceSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.ts'
import {
  peekName,
  readDeltaResponse,
  readSotwResponse,
  writeDeltaRequest,
  writeSotwRequest,
} from './discovery-messages.ts'

const node = {
  id: 'sidecar~10.0.0.1~a.shop~shop.svc.cluster.local',
  cluster: 'a.shop',
  metadata: {
    NAMESPACE: 'shop',
    LABELS: { app: 'a', version: 'v1' },
    list: [1, true, null, 'x', {}],
    n: -1.5,
    gone: undefined,
    empty: '',
  },
  userAgentName: 'inmesh',
  userAgentVersion: '1.2.3',
}
const assignment = anyPack(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: 'c' }))

describe('requests, read back with the generated code', () => {
  it('writes every field of a DiscoveryRequest', () => {
    const bytes = writeSotwRequest({
      node,
      typeUrl: 't',
      names: ['a', 'ü', ''],
      version: '7',
      nonce: 'n',
      error: 'bad',
    })
    const m = fromBinary(DiscoveryRequestSchema, bytes)
    expect(m).toMatchObject({ typeUrl: 't', resourceNames: ['a', 'ü', ''], versionInfo: '7', responseNonce: 'n' })
    expect(m.errorDetail).toMatchObject({ code: 3, message: 'bad' })
    expect(m.node).toMatchObject({ id: node.id, cluster: 'a.shop', userAgentName: 'inmesh' })
    expect(m.node?.userAgentVersionType).toEqual({ case: 'userAgentVersion', value: '1.2.3' })
    expect(m.node?.metadata).toEqual(JSON.parse(JSON.stringify(node.metadata)))
  })

  it('writes every field of a DeltaDiscoveryRequest', () => {
    const bytes = writeDeltaRequest({
      node,
      typeUrl: 't',
      subscribe: ['a'],
      unsubscribe: ['b'],
      initialVersions: [['c', '1']],
      nonce: 'n',
      error: 'bad',
    })
    const m = fromBinary(DeltaDiscoveryRequestSchema, bytes)
    expect(m).toMatchObject({
      typeUrl: 't',
      resourceNamesSubscribe: ['a'],
      resourceNamesUnsubscribe: ['b'],
      responseNonce: 'n',
    })
    expect(m.initialResourceVersions).toEqual({ c: '1' })
    expect(m.errorDetail).toMatchObject({ code: 3, message: 'bad' })
    expect(m.node?.id).toBe(node.id)
  })

  it('leaves out node and error_detail where there are none', () => {
    const m = fromBinary(
      DiscoveryRequestSchema,
      writeSotwRequest({ node: null, typeUrl: 't', names: [], version: '', nonce: '', error: null }),
    )
    expect([m.node, m.errorDetail]).toEqual([undefined, undefined])
  })

  it('writes any JSON object as a Struct', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (generated) => {
        // JSON has no -0.
        const metadata = JSON.parse(JSON.stringify(generated)) as typeof generated
        const bytes = writeSotwRequest({
          node: { ...node, metadata },
          typeUrl: 't',
          names: [],
          version: '',
          nonce: '',
          error: null,
        })
        const read = fromBinary(DiscoveryRequestSchema, bytes).node?.metadata
        expect(read).toEqual(metadata)
      }),
      { numRuns: 50 },
    )
  })
})

describe('responses, written with the generated code', () => {
  it('reads a DiscoveryResponse and gives its version to each resource', () => {
    const bytes = toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, {
        typeUrl: 't',
        versionInfo: '3',
        nonce: 'n',
        canary: true,
        controlPlane: { identifier: 'cp' },
        resources: [assignment],
      }),
    )
    expect(readSotwResponse(bytes)).toEqual({
      typeUrl: 't',
      version: '3',
      nonce: 'n',
      controlPlane: 'cp',
      removed: [],
      resources: [{ name: '', version: '3', typeUrl: assignment.typeUrl, value: assignment.value }],
    })
  })

  it('unwraps a Resource in a DiscoveryResponse', () => {
    const wrapped = anyPack(ResourceSchema, create(ResourceSchema, { name: 'c', version: '9', resource: assignment }))
    const bytes = toBinary(DiscoveryResponseSchema, create(DiscoveryResponseSchema, { resources: [wrapped] }))
    expect(readSotwResponse(bytes).resources).toEqual([
      { name: 'c', version: '9', typeUrl: assignment.typeUrl, value: assignment.value },
    ])
  })

  it('reads a DeltaDiscoveryResponse, a heartbeat in it without a body', () => {
    const bytes = toBinary(
      DeltaDiscoveryResponseSchema,
      create(DeltaDiscoveryResponseSchema, {
        typeUrl: 't',
        systemVersionInfo: 's',
        nonce: 'n',
        removedResources: ['x', 'y'],
        controlPlane: { identifier: 'cp' },
        resources: [
          { name: 'c', version: '1', resource: assignment, ttl: { seconds: 5n } },
          { name: 'd', version: '2' },
        ],
      }),
    )
    expect(readDeltaResponse(bytes)).toEqual({
      typeUrl: 't',
      version: 's',
      nonce: 'n',
      controlPlane: 'cp',
      removed: ['x', 'y'],
      resources: [
        { name: 'c', version: '1', typeUrl: assignment.typeUrl, value: assignment.value },
        { name: 'd', version: '2', typeUrl: '', value: null },
      ],
    })
  })

  it('peeks the name of a resource and answers nothing for other bytes', () => {
    expect(peekName(assignment.value)).toBe('c')
    expect(peekName(new Uint8Array([0xff, 0xff]))).toBe('')
    expect(peekName(new Uint8Array())).toBe('')
  })

  it('either reads or throws an Error on any bytes, and never hangs', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [readSotwResponse, readDeltaResponse]) {
          try {
            read(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(Error)
          }
        }
        expect(typeof peekName(bytes)).toBe('string')
      }),
    )
  })
})
