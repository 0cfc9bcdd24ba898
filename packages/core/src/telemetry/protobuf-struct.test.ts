import { create, fromBinary, toBinary, toJson, fromJson, type JsonObject } from '@bufbuild/protobuf'
import { StructSchema } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeStruct, encodeStruct, type StructObject } from './protobuf-struct.ts'

const json = fc.dictionary(
  fc.string({ maxLength: 8 }).filter((key) => key !== '__proto__'),
  fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constant(null),
      fc.boolean(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n)),
      fc.string({ maxLength: 12 }),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(
        fc.string({ maxLength: 4 }).filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 3 },
      ),
    ),
  })).value,
  { maxKeys: 5 },
) as fc.Arbitrary<JsonObject>

const plain = (struct: StructObject | null): unknown => JSON.parse(JSON.stringify(struct))

test('what is written is what the protobuf runtime reads', () => {
  fc.assert(
    fc.property(json, (object) => {
      expect(toJson(StructSchema, fromBinary(StructSchema, encodeStruct(object as StructObject)))).toEqual(
        JSON.parse(JSON.stringify(object)),
      )
    }),
  )
})

test('what the protobuf runtime writes is read', () => {
  fc.assert(
    fc.property(json, (object) => {
      expect(plain(decodeStruct(toBinary(StructSchema, fromJson(StructSchema, object))))).toEqual(
        JSON.parse(JSON.stringify(object)),
      )
    }),
  )
})

test('keys are written in order, whatever order they were given in', () => {
  expect(encodeStruct({ b: 1, a: 'x' })).toEqual(encodeStruct({ a: 'x', b: 1 }))
})

test('arbitrary bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeStruct(bytes)
    }),
    { numRuns: 2_000 },
  )
})

test('truncated bytes are no struct', () => {
  const bytes = encodeStruct({ a: { b: { c: ['x', 1, true, null] } } })
  for (let length = 1; length < bytes.length; length++) expect(decodeStruct(bytes.subarray(0, length))).toBeNull()
})

test('nesting beyond 32 levels is refused', () => {
  const nested = (levels: number): StructObject => (levels === 0 ? {} : { a: nested(levels - 1) })
  expect(decodeStruct(encodeStruct(nested(32)))).not.toBeNull()
  expect(decodeStruct(encodeStruct(nested(34)))).toBeNull()
})

test('a key named __proto__ is a key', () => {
  const bytes = toBinary(
    StructSchema,
    create(StructSchema, {
      fields: JSON.parse(
        '{"__proto__":{"$typeName":"google.protobuf.Value","kind":{"case":"stringValue","value":"x"}}}',
      ),
    }),
  )
  const struct = decodeStruct(bytes)
  expect(Object.keys(struct ?? {})).toEqual(['__proto__'])
  expect(({} as Record<string, unknown>)['x']).toBeUndefined()
})
