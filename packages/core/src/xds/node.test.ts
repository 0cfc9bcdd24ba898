import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { buildNode, VERSION, type WorkloadIdentity } from './node.ts'

const identity: WorkloadIdentity = {
  name: 'reviews-v1-7d8c9f5b6d-x2x4z',
  namespace: 'shop',
  labels: { app: 'reviews', version: 'v1' },
  serviceAccount: 'reviews',
  ips: ['10.0.0.7', 'fd00::7'],
  trustDomain: 'example.org',
  clusterId: 'Kubernetes',
  group: 'reviews-v1',
  metadata: { NODE_NAME: 'n1', GENERATOR: 'grpc' },
}

describe('the Node that is sent to the control plane', () => {
  it('has an id of four parts as Istio makes it', () => {
    expect(buildNode(identity).id).toBe('sidecar~10.0.0.7~reviews-v1-7d8c9f5b6d-x2x4z.shop~shop.svc.cluster.local')
    expect(buildNode(identity).cluster).toBe('reviews.shop')
  })

  it('has the metadata that istiod and our agent read', () => {
    expect(buildNode(identity).metadata).toEqual({
      GENERATOR: 'inmesh',
      NAMESPACE: 'shop',
      CLUSTER_ID: 'Kubernetes',
      LABELS: { app: 'reviews', version: 'v1' },
      INSTANCE_IPS: '10.0.0.7,fd00::7',
      SERVICE_ACCOUNT: 'reviews',
      WORKLOAD_NAME: 'reviews-v1',
      AUTO_REGISTER_GROUP: 'reviews-v1',
      ISTIO_VERSION: '1.31.0',
      MESH_ID: 'example.org',
      NODE_NAME: 'n1',
    })
  })

  it('sends no group when there is none, and lets given metadata name version, mesh and workload', () => {
    const metadata = { ISTIO_VERSION: '1.30.2', MESH_ID: 'm', WORKLOAD_NAME: 'w' }
    const node = buildNode({ ...identity, group: null, metadata })
    expect(node.metadata).toMatchObject(metadata)
    expect(node.metadata).not.toHaveProperty('AUTO_REGISTER_GROUP')
  })

  it.each([
    ['reviews-7d8c9f5b6d-x2x4z', 'reviews'],
    ['reviews', 'reviews'],
    ['reviews-0', 'reviews-0'],
    ['my-laptop.local', 'my-laptop.local'],
    ['payments-api-v2-6b7f-abcde', 'payments-api-v2-6b7f-abcde'],
  ])('takes %s for a pod of workload %s', (name, workload) => {
    expect(buildNode({ ...identity, name }).metadata['WORKLOAD_NAME']).toBe(workload)
  })

  it('tells the version of the package', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(VERSION).toBe(manifest.version)
    expect(buildNode(identity)).toMatchObject({ userAgentName: 'inmesh', userAgentVersion: manifest.version })
  })
})
