// The messages that core's decoders use, as small as they can be loaded: descriptors as one JSON text instead of a
// descriptor's bytes for each proto file, which would need the messages of descriptor.proto to be read.
//
// `compact` runs when the messages are generated. `expand` becomes part of what is generated (bundle-messages.ts).
import { createFileRegistry, type DescMessage, type FileRegistry } from '@bufbuild/protobuf'
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Type,
  type FileDescriptorSet,
} from '@bufbuild/protobuf/wkt'

/** name, number, type, label, type_name, index of its oneof or -1, 1 for an `optional` of proto3 */
type CompactField = readonly [string, number, number, number, string, number, 0 | 1]
/** name, names of oneofs, fields, nested messages, 1 for the entry of a map */
type CompactMessage = readonly [string, readonly string[], readonly CompactField[], readonly CompactMessage[], 0 | 1]
/** package, messages */
type CompactFile = readonly [string, readonly CompactMessage[]]

/** The messages that `roots` are made of, without what is in `opaque` messages. Enums become numbers. */
export function compact(
  set: FileDescriptorSet,
  roots: readonly string[],
  opaque: ReadonlySet<string>,
): readonly CompactFile[] {
  const kept = closure(createFileRegistry(set), roots, opaque)
  const files: CompactFile[] = []
  for (const file of set.file) {
    const messages = file.messageType.flatMap((message) => compactMessage(message, file.package, kept, opaque))
    if (messages.length === 0) continue
    if (file.syntax !== 'proto3') throw new Error(`${file.name} is not proto3`)
    files.push([file.package, messages])
  }
  return files
}

function closure(registry: FileRegistry, roots: readonly string[], opaque: ReadonlySet<string>): ReadonlySet<string> {
  const kept = new Set<string>()
  const queue: DescMessage[] = roots.map((name) => {
    const message = registry.getMessage(name)
    if (message === undefined) throw new Error(`there is no message ${name}`)
    return message
  })
  for (let message = queue.pop(); message !== undefined; message = queue.pop()) {
    if (kept.has(message.typeName)) continue
    kept.add(message.typeName)
    if (opaque.has(message.typeName)) continue
    for (const { message: nested } of message.fields) if (nested !== undefined) queue.push(nested)
  }
  for (const name of opaque) if (!kept.has(name)) throw new Error(`xds-opaque.txt: ${name} is not needed`)
  return kept
}

/** Nothing for a message that is neither kept nor around one that is. */
function compactMessage(
  message: DescriptorProto,
  scope: string,
  kept: ReadonlySet<string>,
  opaque: ReadonlySet<string>,
): CompactMessage[] {
  const typeName = `${scope}.${message.name}`
  const isEntry = message.options?.mapEntry === true
  const hasFields = (isEntry && kept.has(scope) && !opaque.has(scope)) || (kept.has(typeName) && !opaque.has(typeName))
  const nested = message.nestedType.flatMap((child) => compactMessage(child, typeName, kept, opaque))
  if (!hasFields && !kept.has(typeName) && nested.length === 0) return []
  const oneofs = hasFields ? message.oneofDecl.map((oneof) => oneof.name) : []
  return [[message.name, oneofs, hasFields ? message.field.map(compactField) : [], nested, isEntry ? 1 : 0]]
}

function compactField(field: FieldDescriptorProto): CompactField {
  const isEnum = field.type === FieldDescriptorProto_Type.ENUM
  return [
    field.name,
    field.number,
    isEnum ? FieldDescriptorProto_Type.INT32 : field.type,
    field.label,
    isEnum ? '' : field.typeName,
    Object.hasOwn(field, 'oneofIndex') ? field.oneofIndex : -1,
    field.proto3Optional ? 1 : 0,
  ]
}

/** Undoes `compact`. */
export function expand(files: readonly CompactFile[]): FileRegistry {
  return createFileRegistry({
    $typeName: 'google.protobuf.FileDescriptorSet',
    file: files.map(([scope, messages], i) => ({
      ...NOTHING,
      $typeName: 'google.protobuf.FileDescriptorProto',
      name: `${i}`,
      package: scope,
      syntax: 'proto3',
      messageType: messages.map(expandMessage),
    })),
  } as unknown as FileDescriptorSet)
}

function expandMessage([name, oneofs, fields, nested, isEntry]: CompactMessage): object {
  return {
    ...NOTHING,
    name,
    oneofDecl: oneofs.map((oneof) => ({ name: oneof })),
    field: fields.map(expandField),
    nestedType: nested.map(expandMessage),
    options: isEntry === 1 ? { mapEntry: true } : undefined,
  }
}

function expandField([name, number, type, label, typeName, oneofIndex, proto3Optional]: CompactField): object {
  const field = { name, number, type, label, typeName, proto3Optional: proto3Optional === 1, jsonName: name }
  // The registry asks whether the index is there.
  return oneofIndex < 0 ? field : { ...field, oneofIndex }
}

const NOTHING = { dependency: [], extension: [], enumType: [], service: [], nestedType: [] }
