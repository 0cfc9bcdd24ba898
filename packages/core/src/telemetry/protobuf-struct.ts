// google.protobuf.Struct on the wire, read and written as plain objects. Written deterministically (keys in order of their
// UTF-8 bytes), because peers compare and cache the text. The generated messages are not loaded for it.
import { BinaryReader, BinaryWriter, WireType } from '../gen/wire.js'

/** A JSON value as google.protobuf.Value holds it. */
export type StructValue =
  | null
  | number
  | string
  | boolean
  | readonly StructValue[]
  | { readonly [key: string]: StructValue }

export type StructObject = { readonly [key: string]: StructValue }

/** Encodes a google.protobuf.Struct. */
export function encodeStruct(struct: StructObject): Uint8Array {
  const writer = new BinaryWriter()
  writeStruct(writer, struct)
  return writer.finish()
}

/** Decodes a google.protobuf.Struct; null when the bytes are none, or nest deeper than 32 levels. */
export function decodeStruct(bytes: Uint8Array): StructObject | null {
  try {
    return readStruct(new BinaryReader(bytes), bytes.length, 0)
  } catch {
    return null
  }
}

function writeStruct(writer: BinaryWriter, struct: StructObject): void {
  for (const key of Object.keys(struct).sort(byBytes)) {
    writer.tag(STRUCT_FIELDS, WireType.LengthDelimited).fork()
    writer.tag(ENTRY_KEY, WireType.LengthDelimited).string(key)
    writer.tag(ENTRY_VALUE, WireType.LengthDelimited).fork()
    writeValue(writer, struct[key] as StructValue)
    writer.join().join()
  }
}

function writeValue(writer: BinaryWriter, value: StructValue): void {
  if (value === null) writer.tag(NULL_VALUE, WireType.Varint).int32(0)
  else if (typeof value === 'number') writer.tag(NUMBER_VALUE, WireType.Bit64).double(value)
  else if (typeof value === 'string') writer.tag(STRING_VALUE, WireType.LengthDelimited).string(value)
  else if (typeof value === 'boolean') writer.tag(BOOL_VALUE, WireType.Varint).bool(value)
  else if (isList(value)) {
    writer.tag(LIST_VALUE, WireType.LengthDelimited).fork()
    for (const item of value) {
      writer.tag(LIST_VALUES, WireType.LengthDelimited).fork()
      writeValue(writer, item)
      writer.join()
    }
    writer.join()
  } else {
    writer.tag(STRUCT_VALUE, WireType.LengthDelimited).fork()
    writeStruct(writer, value)
    writer.join()
  }
}

function readStruct(reader: BinaryReader, end: number, depth: number): StructObject {
  if (depth > MAX_DEPTH) throw new RangeError('too deep')
  // No prototype: keys are a peer's to choose.
  const struct: Record<string, StructValue> = Object.create(null) as Record<string, StructValue>
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field !== STRUCT_FIELDS || wireType !== WireType.LengthDelimited) {
      reader.skip(wireType, field)
      continue
    }
    const entryEnd = endOfField(reader, end)
    let key = ''
    let value: StructValue = null
    while (reader.pos < entryEnd) {
      const [of, type] = reader.tag()
      if (of === ENTRY_KEY && type === WireType.LengthDelimited) key = readString(reader, entryEnd)
      else if (of === ENTRY_VALUE && type === WireType.LengthDelimited)
        value = readValue(reader, endOfField(reader, entryEnd), depth)
      else reader.skip(type, of)
    }
    struct[key] = value
  }
  return struct
}

function readValue(reader: BinaryReader, end: number, depth: number): StructValue {
  let value: StructValue = null
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === NUMBER_VALUE && wireType === WireType.Bit64) value = reader.double()
    else if (field === BOOL_VALUE && wireType === WireType.Varint) value = reader.bool()
    else if (field === STRING_VALUE && wireType === WireType.LengthDelimited) value = readString(reader, end)
    else if (field === STRUCT_VALUE && wireType === WireType.LengthDelimited)
      value = readStruct(reader, endOfField(reader, end), depth + 1)
    else if (field === LIST_VALUE && wireType === WireType.LengthDelimited)
      value = readList(reader, endOfField(reader, end), depth + 1)
    else {
      reader.skip(wireType, field)
      if (field === NULL_VALUE) value = null
    }
  }
  return value
}

function readList(reader: BinaryReader, end: number, depth: number): StructValue[] {
  if (depth > MAX_DEPTH) throw new RangeError('too deep')
  const list: StructValue[] = []
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === LIST_VALUES && wireType === WireType.LengthDelimited)
      list.push(readValue(reader, endOfField(reader, end), depth))
    else reader.skip(wireType, field)
  }
  return list
}

/** Where a length-delimited field ends; it may not reach beyond what holds it. */
function endOfField(reader: BinaryReader, limit: number): number {
  const length = reader.uint32()
  const end = reader.pos + length
  if (end > limit) throw new RangeError('truncated')
  return end
}

function readString(reader: BinaryReader, limit: number): string {
  const text = reader.string()
  if (reader.pos > limit) throw new RangeError('truncated')
  return text
}

function isList(value: object): value is readonly StructValue[] {
  return Array.isArray(value)
}

/** UTF-16 order differs from byte order for surrogates; labels are ASCII, but a peer's cache must not depend on it. */
function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

// google/protobuf/struct.proto
const STRUCT_FIELDS = 1
const ENTRY_KEY = 1
const ENTRY_VALUE = 2
const NULL_VALUE = 1
const NUMBER_VALUE = 2
const STRING_VALUE = 3
const BOOL_VALUE = 4
const STRUCT_VALUE = 5
const LIST_VALUE = 6
const LIST_VALUES = 1
const MAX_DEPTH = 32
