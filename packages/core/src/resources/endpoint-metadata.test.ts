import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MetadataSchema } from '../gen/envoy/config/core/v3/base_pb.ts'
import { endpointMetadata } from './endpoint-metadata.ts'

type FilterMetadata = NonNullable<MessageInitShape<typeof MetadataSchema>['filterMetadata']>

const encode = (filterMetadata: FilterMetadata): Uint8Array =>
  toBinary(MetadataSchema, create(MetadataSchema, { filterMetadata }))

/** Without the null prototypes that decoded objects have. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value)) as unknown

describe('endpointMetadata', () => {
  it('reads what istiod sends', () => {
    const metadata = endpointMetadata(
      encode({ istio: { workload: 'a;b;c;d;e' }, 'envoy.transport_socket_match': { tlsMode: 'istio' } }),
    )
    expect(metadata['istio']?.['workload']).toBe('a;b;c;d;e')
    expect(metadata['envoy.transport_socket_match']).toEqual({ tlsMode: 'istio' })
  })

  it('reads every kind of value', () => {
    const value = { a: null, b: 1.5, c: 'ä', d: true, e: { f: [1, 'x', { g: null }, []] }, h: {} }
    expect(plain(endpointMetadata(encode({ x: value, y: {} })))).toEqual({ x: value, y: {} })
  })

  it('gives back whatever JSON was encoded', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true }) as fc.Arbitrary<
      FilterMetadata[string]
    >
    fc.assert(
      fc.property(json, (value) => {
        expect(plain(endpointMetadata(encode({ x: value })))).toEqual(plain({ x: value }))
      }),
    )
  })

  it('has no prototype that a key could reach', () => {
    const struct = JSON.parse('{"__proto__": {"polluted": true}}') as FilterMetadata[string]
    const metadata = endpointMetadata(encode({ x: struct }))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.getPrototypeOf(metadata['x'])).toBe(null)
  })

  it('takes bytes that are no metadata for none, and never throws', () => {
    expect(endpointMetadata(new Uint8Array([10, 200]))).toEqual({})
    const good = encode({ istio: { workload: 'a;b;c;d;e', list: [1, { x: 'y' }] } })
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const bytes = good.slice()
        bytes[at] = value
        endpointMetadata(bytes)
      }),
      { numRuns: 1000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void endpointMetadata(bytes)))
  })

  it('gives up on bytes that nest too deep', () => {
    let deep: FilterMetadata[string] = { end: true }
    for (let i = 0; i < 40; i++) deep = { inner: deep }
    expect(endpointMetadata(encode({ x: deep }))).toEqual({})
  })
})
