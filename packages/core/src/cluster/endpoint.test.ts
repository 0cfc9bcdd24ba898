import { create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { MetadataSchema } from '../gen/envoy/config/core/v3/base_pb.ts'
import { Endpoint, peerFromWorkload } from './endpoint.ts'
import { GrowingEndpointTable } from './endpoint-table.ts'

const table = new GrowingEndpointTable()

function endpoint(metadata: Uint8Array | null): Endpoint {
  return new Endpoint(table, table.allocate(), '10.0.0.1', 80, metadata)
}

function encoded(filterMetadata: Record<string, Record<string, string>>): Uint8Array {
  return toBinary(MetadataSchema, create(MetadataSchema, { filterMetadata }))
}

test.each([
  ['10.0.0.1', '10.0.0.1:80'],
  ['fd00::1', '[fd00::1]:80'],
])('the key of %s is %s', (address, key) => {
  expect(new Endpoint(table, table.allocate(), address, 80).key).toBe(key)
})

describe('metadata', () => {
  const reviews = { istio: { workload: 'reviews-v1;shop;reviews;v1;cluster-1' } }

  test('tells who the endpoint is and how to connect', () => {
    const handle = endpoint(encoded({ ...reviews, 'envoy.transport_socket_match': { tlsMode: 'istio' } }))
    expect(handle.peer).toEqual({
      workload: 'reviews-v1',
      namespace: 'shop',
      canonicalService: 'reviews',
      canonicalRevision: 'v1',
      app: null,
      version: null,
      cluster: 'cluster-1',
      principal: null,
    })
    expect(handle.transportSocketMatch).toEqual({ tlsMode: 'istio' })
  })

  test('is decoded once', () => {
    const handle = endpoint(encoded(reviews))
    expect(handle.peer).toBe(handle.peer)
  })

  test.each<[string, Uint8Array | null]>([
    ['none', null],
    ['empty', new Uint8Array()],
    ['broken', Uint8Array.of(0xff, 0xff, 0xff)],
    ['of others', encoded({ other: { a: 'b' } })],
  ])('that is %s leaves the endpoint unknown', (_, bytes) => {
    expect(endpoint(bytes).peer).toBeNull()
    expect(endpoint(bytes).transportSocketMatch).toEqual({})
  })

  test('equal bytes of an update keep what was read, others replace it', () => {
    const handle = endpoint(encoded(reviews))
    const before = handle.peer
    handle.setMetadata(encoded(reviews))
    expect(handle.peer).toBe(before)
    handle.setMetadata(encoded({ istio: { workload: 'reviews-v2;shop;reviews;v2;cluster-1' } }))
    expect(handle.peer?.workload).toBe('reviews-v2')
    handle.setMetadata(null)
    expect(handle.peer).toBeNull()
  })
})

test.each<[unknown, string | null]>([
  ['w;n;c;r;k', 'r'],
  // istiod sends `latest` as nothing.
  ['w;n;c;;k', 'latest'],
  ['w;n', 'latest'],
  ['', null],
  [undefined, null],
  [7, null],
])('the canonical revision of workload %o is %o', (workload, revision) => {
  expect(peerFromWorkload(workload)?.canonicalRevision ?? null).toBe(revision)
})
