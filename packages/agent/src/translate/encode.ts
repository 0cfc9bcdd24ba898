// Encoding: the same message gives the same bytes, and the bytes give the version.
import { hash } from 'node:crypto'
import { type DescMessage, type JsonObject, type JsonValue, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { anyPack, type Any } from '@bufbuild/protobuf/wkt'
import type { TranslatedResource } from './resource.ts'

/** Encodes a resource. Map fields keep the order of their keys: give them sorted. */
export function encodeResource<D extends DescMessage>(
  schema: D,
  name: string,
  message: MessageShape<D>,
): TranslatedResource {
  const value = toBinary(schema, message)
  return { name, value, version: hash('sha256', value, 'hex').slice(0, 16) }
}

/** A message as Any. */
export function pack<D extends DescMessage>(schema: D, message: MessageShape<D>): Any {
  return anyPack(schema, message)
}

/** A JSON object with its keys sorted at every depth, for google.protobuf.Struct. Fields that are undefined are left out. */
export function struct(object: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const sorted: JsonObject = {}
  for (const key of Object.keys(object).toSorted()) {
    const value = object[key]
    if (value !== undefined) sorted[key] = sortKeys(value)
  }
  return sorted
}

function sortKeys(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sortKeys)
  return typeof value === 'object' && value !== null ? struct(value) : value
}
