// Holds the direction of imports: between the packages, and between core's folders (ARCHITECTURE.md). `import type` is
// exempt: types vanish, and what needs an instance gets it passed in.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')

/** A folder of core may import from itself and from those before it. */
const CORE_FOLDERS = [
  'runtime',
  'gen',
  'xds',
  'resources',
  'exchange',
  'match',
  'security',
  'telemetry',
  'cluster',
  'balance',
  'resilience',
  'route',
  'filters',
  'router',
  'config',
]

/** What a package may import of the others. */
const PACKAGES: Record<string, readonly string[]> = {
  core: [],
  http: ['core'],
  grpc: ['core'],
  agent: ['core', 'http', 'grpc'],
}

/** Third-party packages and the only places that may import them. */
const ONLY_IN: Record<string, readonly RegExp[]> = {
  undici: [/^packages\/http\/src\//, /^packages\/agent\/src\//],
  '@grpc/grpc-js': [
    /^packages\/core\/src\/xds\/grpc-transport\.ts$/,
    /^packages\/core\/src\/testing\//,
    /^packages\/agent\/src\/serve\//,
    /^packages\/grpc\/src\//,
  ],
  'prom-client': [/^packages\/core\/src\/telemetry\/prometheus\.ts$/, /^packages\/agent\/src\/admin\//],
  '@opentelemetry/api': [/^packages\/core\/src\/telemetry\/trace\.ts$/],
  'node-forge': [/^packages\/core\/src\/security\//, /^packages\/agent\/src\/ca\//],
}

interface Import {
  readonly file: string
  readonly specifier: string
}

function runtimeImports(): Import[] {
  const imports: Import[] = []
  for (const path of globSync('packages/*/src/**/*.ts', { cwd: root })) {
    if (path.endsWith('.test.ts') || path.includes('/src/gen/')) continue
    const text = readFileSync(join(root, path), 'utf8')
    const pattern =
      /^\s*(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm
    for (const match of text.matchAll(pattern)) {
      const clause = match[0]
      // `import { type A, type B } from` is a type import in full.
      const names = /\{([^}]*)\}/.exec(clause)?.[1]
      const onlyTypes =
        names !== undefined && names.split(',').every((name) => name.trim() === '' || name.trim().startsWith('type '))
      if (!onlyTypes) imports.push({ file: path, specifier: (match[1] ?? match[2]) as string })
    }
  }
  return imports
}

const imports = runtimeImports()

test('the reader of imports sees the code', () => {
  expect(imports.length).toBeGreaterThan(100)
})

test('packages import each other in one direction', () => {
  const wrong = imports.filter(({ file, specifier }) => {
    const from = file.split('/')[1] as string
    const to = /^@inmesh\/([a-z]+)/.exec(specifier)?.[1]
    const crossesByPath =
      specifier.startsWith('.') &&
      !relative(join(root, 'packages', from), join(root, dirname(file), specifier)).startsWith('src')
    return crossesByPath || (to !== undefined && !(PACKAGES[from] ?? []).includes(to))
  })
  expect(wrong).toEqual([])
})

test("core's folders import only from those before them", () => {
  const wrong = imports.filter(({ file, specifier }) => {
    if (!file.startsWith('packages/core/src/') || !specifier.startsWith('.')) return false
    const from = file.split('/')[3] as string
    const fromIndex = CORE_FOLDERS.indexOf(from)
    if (fromIndex < 0) return false // root files and testing/ compose everything
    const target = relative(join(root, 'packages/core/src'), join(root, dirname(file), specifier))
    const toIndex = CORE_FOLDERS.indexOf(target.split('/')[0] as string)
    return toIndex < 0 || toIndex > fromIndex
  })
  expect(wrong).toEqual([])
})

test('every folder of core has its place in the order', () => {
  const folders = new Set(
    globSync('packages/core/src/*/*.ts', { cwd: root }).map((path) => path.split('/')[3] as string),
  )
  folders.delete('testing')
  expect([...folders].filter((folder) => !CORE_FOLDERS.includes(folder))).toEqual([])
})

test('a third-party package is imported only behind our own interface', () => {
  const wrong = imports.filter(({ file, specifier }) =>
    Object.entries(ONLY_IN).some(
      ([name, places]) =>
        (specifier === name || specifier.startsWith(`${name}/`)) && !places.some((place) => place.test(file)),
    ),
  )
  expect(wrong).toEqual([])
})
