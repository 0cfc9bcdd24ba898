import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderMap } from '../exchange/header-map.ts'
import type { WorkloadIdentity } from '../xds/node.ts'
import {
  decodePeerMetadata,
  PEER_METADATA,
  PEER_METADATA_ID,
  PeerCache,
  peerOf,
  selfMetadata,
  stripPeerMetadata,
} from './peer-metadata.ts'
import { encodeStruct } from './protobuf-struct.ts'

const identity: WorkloadIdentity = {
  name: 'reviews-v1-abc',
  namespace: 'shop',
  labels: { app: 'reviews', version: 'v1' },
  serviceAccount: 'reviews',
  ips: ['10.0.0.1'],
  trustDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  group: 'reviews-v1',
  metadata: { OWNER: 'kubernetes://apis/apps/v1/namespaces/shop/deployments/reviews-v1' },
}
const ID = 'sidecar~10.0.0.1~reviews-v1-abc.shop~shop.svc.cluster.local'

describe('this workload', () => {
  test.each<[Record<string, string>, string, string]>([
    [{}, 'reviews-v1', 'latest'],
    [{ app: 'a', version: '1' }, 'a', '1'],
    [{ app: 'a', 'app.kubernetes.io/name': 'k', version: '1', 'app.kubernetes.io/version': '2' }, 'k', '2'],
    [
      {
        'service.istio.io/canonical-name': 'c',
        'app.kubernetes.io/name': 'k',
        'service.istio.io/canonical-revision': '3',
        version: '1',
      },
      'c',
      '3',
    ],
  ])('labels %j give canonical name %s and revision %s', (labels, name, revision) => {
    expect(peerOf({ ...identity, labels })).toMatchObject({ canonicalService: name, canonicalRevision: revision })
  })

  test.each<[Partial<WorkloadIdentity>, string]>([
    [{ metadata: { WORKLOAD_NAME: 'deployment' } }, 'deployment'],
    [{}, 'reviews-v1'],
    [{ group: null }, 'reviews-v1-abc'],
  ])('with %j the workload is %s', (changes, workload) => {
    expect(peerOf({ ...identity, ...changes }).workload).toBe(workload)
  })

  test('app and version that are not labelled stay empty', () => {
    expect(peerOf({ ...identity, labels: {} })).toMatchObject({ app: '', version: '' })
  })

  test('its principal is its SPIFFE id', () => {
    expect(peerOf(identity).principal).toBe('spiffe://cluster.local/ns/shop/sa/reviews')
  })

  test('what it sends is read back as itself, without the principal', () => {
    const self = selfMetadata(identity, ID)
    expect(self.id).toBe(ID)
    expect(decodePeerMetadata(self.value)).toEqual({ ...peerOf(identity), principal: null })
  })

  test('what it sends does not depend on the order of its labels', () => {
    const labels = { version: 'v1', app: 'reviews' }
    expect(selfMetadata({ ...identity, labels }, ID).value).toBe(selfMetadata(identity, ID).value)
  })
})

describe('a peer', () => {
  test('is read from the bytes on the wire, which are the same for the same workload', () => {
    const bytes = Buffer.concat([
      Buffer.from('0a180a06', 'hex'),
      Buffer.from('LABELS'),
      Buffer.from('120e2a0c0a0a0a03', 'hex'),
      Buffer.from('app'),
      Buffer.from('12031a01', 'hex'),
      Buffer.from('a'),
      Buffer.from('0a110a09', 'hex'),
      Buffer.from('NAMESPACE'),
      Buffer.from('12041a02', 'hex'),
      Buffer.from('ns'),
    ])
    expect(Buffer.from(encodeStruct({ NAMESPACE: 'ns', LABELS: { app: 'a' } }))).toEqual(bytes)
    expect(decodePeerMetadata(bytes.toString('base64'))).toMatchObject({ namespace: 'ns', app: 'a', workload: null })
  })

  test('base64 without padding is accepted', () => {
    const value = Buffer.from(encodeStruct({ NAMESPACE: 'ns1' })).toString('base64')
    expect(value).toMatch(/=$/)
    expect(decodePeerMetadata(value.replace(/=+$/, ''))?.namespace).toBe('ns1')
  })

  test.each(['', '!!!!', 'unknown', Buffer.from('hello').toString('base64')])('%j is none', (value) => {
    expect(decodePeerMetadata(value)).toBeNull()
  })

  test('values that are no text, and labels that are no object, say nothing', () => {
    const value = Buffer.from(encodeStruct({ NAMESPACE: 7, WORKLOAD_NAME: '', LABELS: 'x' })).toString('base64')
    expect(decodePeerMetadata(value)).toMatchObject({ namespace: null, workload: null, app: null })
  })

  test('never gets a principal from what it says', () => {
    const value = Buffer.from(encodeStruct({ IDENTITY: 'spiffe://a/ns/b/sa/c', NAMESPACE: 'x' })).toString('base64')
    expect(decodePeerMetadata(value)?.principal).toBeNull()
  })

  test('arbitrary text never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String()), (value) => {
        decodePeerMetadata(value)
      }),
    )
  })
})

describe('the cache', () => {
  const headersOf = (namespace: string, id?: string): HeaderMap => {
    const value = Buffer.from(encodeStruct({ NAMESPACE: namespace })).toString('base64')
    return new HeaderMap(id === undefined ? [PEER_METADATA, value] : [PEER_METADATA, value, PEER_METADATA_ID, id])
  }

  test('gives the same object for the same text', () => {
    const cache = new PeerCache()
    expect(cache.find(headersOf('a', 'x'), null)).toBe(cache.find(headersOf('a', 'x'), null))
    expect(cache.find(headersOf('a'), null)).toBe(cache.find(headersOf('a'), null))
  })

  test('an id that another workload claims does not give it that workload', () => {
    const cache = new PeerCache()
    cache.find(headersOf('a', 'x'), null)
    expect(cache.find(headersOf('b', 'x'), null)?.namespace).toBe('b')
    expect(cache.find(headersOf('a', 'x'), null)?.namespace).toBe('a')
  })

  test('the principal comes from the connection and is part of what is looked up', () => {
    const cache = new PeerCache()
    expect(cache.find(headersOf('a', 'x'), 'spiffe://p')).toMatchObject({ namespace: 'a', principal: 'spiffe://p' })
    expect(cache.find(headersOf('a', 'x'), null)).toMatchObject({ namespace: 'a', principal: null })
    expect(cache.find(new HeaderMap(), 'spiffe://p')).toMatchObject({ namespace: null, principal: 'spiffe://p' })
    expect(cache.find(new HeaderMap(), null)).toBeNull()
  })

  test('never holds more than its limit', () => {
    const cache = new PeerCache(20)
    for (let i = 0; i < 500; i++) {
      cache.find(headersOf(`n${i}`, `id${i}`), null)
      expect(cache.size).toBeLessThanOrEqual(20)
    }
  })

  test('a value of unusual length is not looked at', () => {
    const cache = new PeerCache()
    expect(cache.find(new HeaderMap([PEER_METADATA, 'A'.repeat(20_000)]), null)).toBeNull()
    expect(cache.size).toBe(0)
  })
})

test('stripping takes both fields and nothing else', () => {
  const headers = new HeaderMap(['a', 'b', PEER_METADATA, 'x', PEER_METADATA_ID, 'y', 'x-envoy-peer', 'z'])
  stripPeerMetadata(headers)
  expect(headers.flat).toEqual(['a', 'b', 'x-envoy-peer', 'z'])
})
