// An endpoint's metadata, read when somebody asks for it: EDS keeps it as bytes (config/core/v3 Metadata).
import { BinaryReader, WireType } from '../gen/wire.js'
import type { Metadata } from './origin.ts'
import { endOfField, readEntry, readStruct } from './struct.ts'

/**
 * Decodes what EndpointColumns.metadata holds. Only filter_metadata is read. Bytes that are no Metadata give none: an
 * endpoint without metadata is still an endpoint.
 */
export function endpointMetadata(bytes: Uint8Array): Metadata {
  try {
    const reader = new BinaryReader(bytes)
    const metadata = Object.create(null) as Record<string, Record<string, unknown>>
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      if (field === FILTER_METADATA && wireType === WireType.LengthDelimited) {
        const end = endOfField(reader, reader.len)
        const [filter, struct] = readEntry(reader, end, (structEnd) => readStruct(reader, structEnd))
        metadata[filter] = struct ?? {}
      } else reader.skip(wireType, field)
    }
    return metadata
  } catch {
    return NONE
  }
}

const FILTER_METADATA = 1
const NONE: Metadata = Object.freeze({})
