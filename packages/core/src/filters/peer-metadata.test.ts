import { describe, expect, test } from 'vitest'
import type { Connection } from '../exchange/connection.ts'
import { Exchange, type Side } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { unknownPeer } from '../exchange/peer.ts'
import { PEER_METADATA, PEER_METADATA_ID, peerOf, selfMetadata } from '../telemetry/peer-metadata.ts'
import type { WorkloadIdentity } from '../xds/node.ts'
import { createPeerMetadataFilter } from './peer-metadata.ts'

const identityOf = (name: string): WorkloadIdentity => ({
  name,
  namespace: 'shop',
  labels: { app: name, version: 'v1' },
  serviceAccount: name,
  ips: [],
  trustDomain: 'cluster.local',
  clusterId: 'Kubernetes',
  group: null,
  metadata: {},
})
const self = selfMetadata(identityOf('me'), 'id-of-me')
const them = selfMetadata(identityOf('them'), 'id-of-them')
const themAsPeer = { ...peerOf(identityOf('them')), principal: null }

function exchange(side: Side, request: string[], response: string[], connection: Connection | null = null): Exchange {
  const x = new Exchange(side, new RequestHead('GET', 'http', 'a', '/', new HeaderMap(request)), connection, 0, 0)
  const filter = createPeerMetadataFilter(side, self)
  expect(filter.onRequest?.(x)).toBeUndefined()
  x.response = new ResponseHead(200, new HeaderMap(response))
  filter.onResponse?.(x)
  return x
}

describe('outbound', () => {
  test('sends who we are, in place of what the application may have set', () => {
    const x = exchange('outbound', [PEER_METADATA, 'made up', 'a', 'b'], [])
    expect(x.request.headers.getAll(PEER_METADATA)).toEqual([self.value])
    expect(x.request.headers.getAll(PEER_METADATA_ID)).toEqual(['id-of-me'])
  })

  test('reads who answered, and takes it out of the answer', () => {
    const x = exchange('outbound', [], ['a', 'b', PEER_METADATA, them.value, PEER_METADATA_ID, them.id])
    expect(x.peer).toEqual(themAsPeer)
    expect(x.response?.headers.flat).toEqual(['a', 'b'])
  })

  test('an answer that says nothing leaves the peer as it was', () => {
    expect(exchange('outbound', [], ['a', 'b']).peer).toBeNull()
    expect(exchange('outbound', [], [PEER_METADATA, '!']).peer).toBeNull()
  })
})

describe('inbound', () => {
  test('reads who calls, and takes it away before the application', () => {
    const x = exchange('inbound', ['a', 'b', PEER_METADATA, them.value, PEER_METADATA_ID, them.id], [])
    expect(x.peer).toEqual(themAsPeer)
    expect(x.request.headers.flat).toEqual(['a', 'b'])
  })

  test.each([
    [
      'both',
      [PEER_METADATA, them.value, PEER_METADATA_ID, them.id],
      [PEER_METADATA_ID, self.id, PEER_METADATA, self.value],
    ],
    ['the id alone', [PEER_METADATA_ID, them.id], [PEER_METADATA_ID, self.id]],
    ['the metadata alone', [PEER_METADATA, them.value], [PEER_METADATA, self.value]],
    ['neither', [], []],
  ])('answers with who we are iff asked by the same field: %s', (_, request, response) => {
    expect(exchange('inbound', request, []).response?.headers.flat).toEqual(response)
  })

  test('the principal is that of the connection', () => {
    const connection: Connection = {
      remoteAddress: '10.0.0.9',
      remotePort: 1,
      localAddress: '10.0.0.1',
      localPort: 80,
      mtls: true,
      principal: 'spiffe://cluster.local/ns/shop/sa/them',
      alpn: null,
      serverName: null,
    }
    const x = exchange('inbound', [PEER_METADATA, them.value], [], connection)
    expect(x.peer).toEqual({ ...themAsPeer, principal: 'spiffe://cluster.local/ns/shop/sa/them' })
    expect(exchange('inbound', [], [], connection).peer).toEqual({ ...unknownPeer, principal: connection.principal })
  })
})
