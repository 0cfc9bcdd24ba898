// google.protobuf.Struct read from the wire into plain objects, without the generated messages: what metadata of endpoints
// consists of. Bytes come from elsewhere: lengths are checked against what holds them, and nesting is limited.
import { type BinaryReader, WireType } from '../gen/wire.js'

/** Where a length-delimited field that begins here ends; it may not reach beyond what holds it. */
export function endOfField(reader: BinaryReader, limit: number): number {
  const end = reader.uint32() + reader.pos
  if (end > limit) throw new RangeError('a field reaches beyond its message')
  return end
}

/** Reads a Struct up to `end`. Throws on malformed bytes. */
export function readStruct(reader: BinaryReader, end: number, depth = 0): Record<string, unknown> {
  if (depth > MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} deep`)
  // No prototype: keys are the sender's to choose.
  const struct = Object.create(null) as Record<string, unknown>
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === FIELDS && wireType === WireType.LengthDelimited) {
      const entryEnd = endOfField(reader, end)
      const [key, value] = readEntry(reader, entryEnd, (valueEnd) => readValue(reader, valueEnd, depth))
      struct[key] = value ?? null
    } else reader.skip(wireType, field)
  }
  return closed(reader, end, struct)
}

/** Reads an entry of a map from string to message: its key, and its value by `read`; undefined where there is no value. */
export function readEntry<T>(reader: BinaryReader, end: number, read: (end: number) => T): [string, T | undefined] {
  let key = ''
  let value: T | undefined
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === KEY && wireType === WireType.LengthDelimited) key = reader.string()
    else if (field === VALUE && wireType === WireType.LengthDelimited) value = read(endOfField(reader, end))
    else reader.skip(wireType, field)
  }
  return closed(reader, end, [key, value])
}

function readValue(reader: BinaryReader, end: number, depth: number): unknown {
  let value: unknown = null
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === NUMBER && wireType === WireType.Bit64) value = readDouble(reader, end)
    else if (field === TEXT && wireType === WireType.LengthDelimited) value = reader.string()
    else if (field === BOOL && wireType === WireType.Varint) value = reader.bool()
    else if (field === STRUCT && wireType === WireType.LengthDelimited)
      value = readStruct(reader, endOfField(reader, end), depth + 1)
    else if (field === LIST && wireType === WireType.LengthDelimited)
      value = readList(reader, endOfField(reader, end), depth + 1)
    else {
      if (field === NULL) value = null
      reader.skip(wireType, field)
    }
  }
  return closed(reader, end, value)
}

function readList(reader: BinaryReader, end: number, depth: number): unknown[] {
  if (depth > MAX_DEPTH) throw new RangeError(`nested more than ${MAX_DEPTH} deep`)
  const list: unknown[] = []
  while (reader.pos < end) {
    const [field, wireType] = reader.tag()
    if (field === VALUES && wireType === WireType.LengthDelimited)
      list.push(readValue(reader, endOfField(reader, end), depth))
    else reader.skip(wireType, field)
  }
  return closed(reader, end, list)
}

function readDouble(reader: BinaryReader, end: number): number {
  if (reader.pos + 8 > end) throw new RangeError('a field reaches beyond its message')
  return reader.double()
}

function closed<T>(reader: BinaryReader, end: number, value: T): T {
  if (reader.pos !== end) throw new RangeError('a field reaches beyond its message')
  return value
}

const MAX_DEPTH = 32
// google/protobuf/struct.proto
const FIELDS = 1
const KEY = 1
const VALUE = 2
const NULL = 1
const NUMBER = 2
const TEXT = 3
const BOOL = 4
const STRUCT = 5
const LIST = 6
const VALUES = 1
