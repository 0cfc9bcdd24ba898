// TypedStruct (udpa.type.v1, xds.type.v3): a filter's configuration as a Struct with the type's name beside it. istiod
// sends its own filters that way, so the type that counts is the inner one.
import { BinaryReader, WireType } from '../gen/wire.js'
import type { HttpFilterConfig } from '../resources/listener.ts'

/** The type URL of a filter's configuration without its prefix, read out of a TypedStruct where it is one. */
export function innerTypeUrl(config: HttpFilterConfig): string {
  if (!TYPED_STRUCTS.has(config.typeUrl)) return config.typeUrl
  try {
    const reader = new BinaryReader(config.value)
    while (reader.pos < reader.len) {
      const [field, wireType] = reader.tag()
      if (field === TYPE_URL && wireType === WireType.LengthDelimited) {
        const typeUrl = reader.string()
        return typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
      }
      reader.skip(wireType, field)
    }
  } catch {
    // Not a TypedStruct after all: judged by its outer type, which nothing knows.
  }
  return config.typeUrl
}

const TYPED_STRUCTS: ReadonlySet<string> = new Set(['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct'])
const TYPE_URL = 1
