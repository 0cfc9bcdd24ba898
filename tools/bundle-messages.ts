// Bundles what core uses of the generated messages (xds-messages.txt) into messages.js, and the wire format, which needs no
// messages, into wire.js. Types are those of the generated files.
import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { compact } from './compact-messages.ts'

/** What is to be bundled. */
export interface MessageBundle {
  /** Of the generated files; the bundle goes there too. */
  readonly folder: string
  /** A FileDescriptorSet with all of them. */
  readonly descriptors: Uint8Array
  /** Lines of xds-messages.txt. */
  readonly wanted: readonly string[]
  /** Lines of xds-opaque.txt. */
  readonly opaque: readonly string[]
}

/** Writes messages.js, wire.js and their types. */
export async function bundleMessages({ folder, descriptors, wanted, opaque }: MessageBundle): Promise<void> {
  const types = [`export { fromBinary, toBinary } from '@bufbuild/protobuf'`]
  const enums: string[] = []
  const schemas = new Map<string, string>()
  for (const line of wanted) {
    const [file = '', ...names] = line.split(' ')
    types.push(`export { ${names.join(', ')} } from './${file}_pb.js'`)
    const ofEnums = names.filter((name) => !name.endsWith('Schema'))
    if (ofEnums.length > 0) enums.push(`export { ${ofEnums.join(', ')} } from './${file}_pb.ts'`)
    for (const name of names) if (name.endsWith('Schema')) schemas.set(name, typeName(file, name))
  }
  const files = compact(fromBinary(FileDescriptorSetSchema, descriptors), [...schemas.values()], new Set(opaque))
  const entry = [
    `import { expand } from ${JSON.stringify(join(import.meta.dirname, 'compact-messages.ts'))}`,
    `export { fromBinary, toBinary } from '@bufbuild/protobuf'`,
    ...enums,
    `const registry = expand(JSON.parse(${JSON.stringify(JSON.stringify(files))}))`,
    ...Array.from(schemas, ([name, of]) => `export const ${name} = registry.getMessage('${of}')`),
  ]
  const entries = { messages: join(folder, 'messages.entry.ts'), wire: join(folder, 'wire.entry.ts') }
  await writeFile(entries.messages, entry.join('\n'))
  await writeFile(entries.wire, WIRE)
  const bundle = await rolldown({ input: entries, platform: 'node', treeshake: { moduleSideEffects: false } })
  await bundle.write({ dir: folder, format: 'esm', minify: true, chunkFileNames: '[name].js' })
  await bundle.close()
  await writeFile(join(folder, 'messages.d.ts'), `${types.join('\n')}\n`)
  await writeFile(join(folder, 'wire.d.ts'), WIRE)
  await Promise.all(Object.values(entries).map((file) => rm(file)))
}

/** `Cluster_LbPolicySchema` of envoy/config/cluster/v3/cluster is envoy.config.cluster.v3.Cluster.LbPolicy. */
function typeName(file: string, schema: string): string {
  const scope = file.split('/').slice(0, -1)
  return [...scope, ...schema.replace(/Schema$/, '').split('_')].join('.')
}

const WIRE = `export { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'\n`
