import { describe, expect, it } from 'vitest'
import { loadResourceTypes } from './resource-types.ts'

describe('loadResourceTypes', () => {
  it('gives the four types with the URLs and kinds of xDS', async () => {
    const types = await loadResourceTypes()
    expect(Object.values(types).map(({ typeUrl, shortName, fullState }) => [typeUrl, shortName, fullState])).toEqual([
      ['type.googleapis.com/envoy.config.listener.v3.Listener', 'Listener', true],
      ['type.googleapis.com/envoy.config.route.v3.RouteConfiguration', 'RouteConfiguration', false],
      ['type.googleapis.com/envoy.config.cluster.v3.Cluster', 'Cluster', true],
      ['type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment', 'ClusterLoadAssignment', false],
    ])
    expect(await loadResourceTypes()).toBe(types)
  })
})
