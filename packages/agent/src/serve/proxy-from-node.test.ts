import { create, type JsonObject } from '@bufbuild/protobuf'
import { NodeSchema } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import { expect, test } from 'vitest'
import { proxyFromNode } from './proxy-from-node.ts'

const node = (id: string, metadata: JsonObject = {}): Parameters<typeof proxyFromNode>[0] =>
  create(NodeSchema, { id, metadata })

test('a sidecar is read from id and metadata', () => {
  const proxy = proxyFromNode(
    node('sidecar~10.0.0.1~reviews-v1.shop~shop.svc.cluster.local', {
      NAMESPACE: 'shop',
      INSTANCE_IPS: '127.0.0.2,127.0.0.3',
      LABELS: { app: 'reviews', version: 'v1' },
      SERVICE_ACCOUNT: 'reviews',
      GENERATOR: 'inmesh',
      AUTO_REGISTER_GROUP: 'reviews-v1',
    }),
  )
  expect(proxy).toMatchObject({
    type: 'sidecar',
    ips: ['127.0.0.2', '127.0.0.3'],
    name: 'reviews-v1',
    namespace: 'shop',
    dnsDomain: 'shop.svc.cluster.local',
    labels: { app: 'reviews', version: 'v1' },
    serviceAccount: 'reviews',
    clusterId: 'Kubernetes',
    generator: 'inmesh',
    group: 'reviews-v1',
  })
})

test('what metadata leaves out comes from the id', () => {
  expect(proxyFromNode(node('router~10.0.0.1~gw.edge~edge.svc.cluster.local'))).toMatchObject({
    type: 'router',
    ips: ['10.0.0.1'],
    namespace: 'edge',
    group: null,
  })
})

test.each([
  ['sidecar~10.0.0.1~a.b', /must have the form/],
  ['sidecar~10.0.0.1~a.b~c~d', /must have the form/],
  ['robot~10.0.0.1~a.b~c', /must be sidecar or router/],
  ['sidecar~10.0.0.300~a.b~c', /no valid IP address/],
  ['sidecar~~a.b~c', /no valid IP address/],
])('%s is refused', (id, reason) => {
  expect(proxyFromNode(node(id))).toMatchObject({ invalid: expect.stringMatching(reason) as string })
})
