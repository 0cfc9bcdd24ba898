// The last step of `npm run build`: core and http become a few files each in place of one per module, because what Node
// pays to load a process's first configuration is mostly per file. Types stay as tsc has written them, and so do the
// generated messages, which the agent imports one by one.
import { cpSync, globSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type Plugin, rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')

await bundle('core', ['index', 'testing/index'])
await bundle('http', ['index', 'register', 'create-mesh', 'client/undici-hook'])
copyMessages()

/** Bundles the entries of a package's `exports`; what they share is in dist/chunks. */
async function bundle(name: string, entries: readonly string[]): Promise<void> {
  const source = join(root, 'packages', name, 'src')
  const dist = join(root, 'packages', name, 'dist')
  rmSync(join(dist, 'chunks'), { recursive: true, force: true })
  const build = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, join(source, `${entry}.ts`)])),
    platform: 'neutral',
    plugins: [keepImports(source, dist)],
  })
  await build.write({ dir: dist, format: 'esm', sourcemap: true, chunkFileNames: 'chunks/[name].js' })
  await build.close()
}

/** Packages stay imports, and so do the generated messages of single proto files. */
function keepImports(source: string, dist: string): Plugin {
  return {
    name: 'keep-imports',
    resolveId(id, importer) {
      if (importer === undefined) return null
      if (!id.startsWith('.')) return { id, external: true }
      if (!id.endsWith('_pb.ts')) return null
      const target = join(dist, relative(source, join(dirname(importer), id)))
      return { id: target.replace(/\.ts$/, '.js'), external: true }
    },
  }
}

/** tsc copies neither JavaScript nor its types. */
function copyMessages(): void {
  const from = join(root, 'packages/core/src/gen')
  for (const file of globSync('*.{js,d.ts}', { cwd: from }))
    cpSync(join(from, file), join(root, 'packages/core/dist/gen', file))
}
