import { mkdir, mkdtemp, open, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@inmesh/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ConfigState } from './config-store.ts'
import { FileStore } from './file-store.ts'

let folder: string
let store: FileStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inmesh-store-'))
})

afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

async function start(emptyForMs?: number): Promise<ConfigState> {
  store = new FileStore(folder, {
    clock: systemClock,
    log: silentLogger,
    ...(emptyForMs === undefined ? {} : { emptyForMs }),
  })
  return await store.start()
}

function until(met: (state: ConfigState) => boolean): Promise<ConfigState> {
  if (met(store.state)) return Promise.resolve(store.state)
  return new Promise((resolve) => {
    const subscription = store.onChange((state) => {
      if (!met(state)) return
      subscription.cancel()
      resolve(state)
    })
  })
}

const at = (name: string): string => join(folder, name)
const service = (name: string, port: number | string = 80): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec:\n  ports:\n    - port: ${port}\n`
const names = (state: ConfigState): string => state.objects.map((object) => object.name).join()
const port = (state: ConfigState): unknown =>
  (state.objects[0]?.spec as { ports: { port: number }[] } | undefined)?.ports[0]?.port

test('reads a folder and the folders in it in order of their paths, and only YAML and JSON', async () => {
  await mkdir(at('b'))
  await writeFile(at('c.yml'), service('c'))
  await writeFile(
    at('b/x.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'b' }, spec: { ports: [{ port: 1 }] } }),
  )
  await writeFile(at('a.yaml'), `${service('a')}---\n${service('a2')}`)
  await writeFile(at('.hidden.yaml'), service('hidden'))
  await writeFile(at('notes.txt'), 'not: [yaml')
  const state = await start()
  expect(names(state)).toBe('a,a2,b,c')
  expect(state.problems).toEqual([])
})

test('sees a save, a new file in a new folder, and a removal', async () => {
  await writeFile(at('a.yaml'), service('a', 1))
  await start()
  await writeFile(at('a.yaml'), service('a', 2))
  await until((state) => port(state) === 2)
  await mkdir(at('deep/er'), { recursive: true })
  await writeFile(at('deep/er/b.yaml'), service('b'))
  await until((state) => names(state) === 'a,b')
  await writeFile(at('deep/er/b.yaml'), service('b2'))
  await until((state) => names(state) === 'a,b2')
  await rm(at('deep'), { recursive: true })
  await until((state) => names(state) === 'a')
})

test('sees a file that an editor replaces by rename', async () => {
  await writeFile(at('a.yaml'), service('a', 1))
  await start()
  for (const next of [2, 3]) {
    await writeFile(at('.a.yaml.swp'), service('a', next))
    await rename(at('.a.yaml.swp'), at('a.yaml'))
    await until((state) => port(state) === next)
  }
})

test('sees a ConfigMap mount change its ..data', async () => {
  const mount = async (version: string, text: string): Promise<void> => {
    await mkdir(at(version))
    await writeFile(at(`${version}/a.yaml`), text)
    await symlink(version, at('..data_tmp'))
    await rename(at('..data_tmp'), at('..data'))
  }
  await mount('..one', service('a', 1))
  await symlink('..data/a.yaml', at('a.yaml'))
  expect(port(await start())).toBe(1)
  await mount('..two', service('a', 2))
  await until((state) => port(state) === 2)
})

test('keeps the objects of a half-written file, and says where it breaks', async () => {
  await writeFile(at('a.yaml'), `${service('a')}---\n${service('b')}`)
  await start()
  await writeFile(at('a.yaml'), `${service('a', 81)}---\napiVersion: v1\nkind: "Serv`)
  const broken = await until((state) => state.problems.length > 0)
  expect(names(broken)).toBe('a,b')
  expect(port(broken)).toBe(80)
  expect(broken.problems).toHaveLength(1)
  expect(broken.problems[0]).toMatchObject({
    severity: 'error',
    file: at('a.yaml'),
    line: 9,
    object: null,
    field: null,
  })
  expect(broken.problems[0]?.message).toMatch(/^is not valid YAML: .* \(the last good version stays in force\)$/)
  await writeFile(at('a.yaml'), service('a', 82))
  const mended = await until((state) => state.problems.length === 0)
  expect(names(mended)).toBe('a')
  expect(port(mended)).toBe(82)
})

test('keeps the last good version of an object that has gone wrong, and takes the others', async () => {
  await writeFile(at('a.yaml'), `${service('a', 1)}---\n${service('b', 1)}`)
  await start()
  await writeFile(at('a.yaml'), `${service('a', 'many')}---\n${service('b2', 2)}`)
  const state = await until(({ problems }) => problems.length > 0)
  expect(names(state)).toBe('a,b2')
  expect(port(state)).toBe(1)
  expect(state.problems).toEqual([
    {
      severity: 'error',
      file: at('a.yaml'),
      line: 6,
      object: 'Service default/a',
      field: 'spec.ports[0].port',
      message: 'must be a number, not the string ("many") (the last good version stays in force)',
    },
  ])
})

test('does not take a file that is emptied for a moment as empty, and does when it stays so', async () => {
  await writeFile(at('a.yaml'), service('a', 1))
  await start(60)
  const seen: string[] = []
  store.onChange((state) => seen.push(names(state)))
  const handle = await open(at('a.yaml'), 'w')
  await handle.writeFile(service('a', 2))
  await handle.close()
  await until((state) => port(state) === 2)
  expect(seen).not.toContain('')
  await writeFile(at('a.yaml'), '')
  await until((state) => names(state) === '')
})

test('keeps everything when the folder goes, and finds it again', async () => {
  const inner = join(folder, 'config')
  await mkdir(inner)
  await writeFile(join(inner, 'a.yaml'), service('a', 1))
  store = new FileStore(inner, { clock: systemClock, log: silentLogger })
  await store.start()
  await rename(inner, join(folder, 'away'))
  const gone = await until((state) => state.problems.length > 0)
  expect(names(gone)).toBe('a')
  expect(gone.problems[0]).toMatchObject({ severity: 'error', file: inner })
  await mkdir(inner)
  await writeFile(join(inner, 'b.yaml'), service('b'))
  await until((state) => names(state) === 'b' && state.problems.length === 0)
})

test('says nothing when nothing changed', async () => {
  await writeFile(at('a.yaml'), service('a', 1))
  await start()
  let changes = 0
  store.onChange(() => changes++)
  await writeFile(at('a.yaml'), service('a', 1))
  await writeFile(at('notes.txt'), 'x')
  await writeFile(at('b.yaml'), service('b'))
  await until((state) => names(state) === 'a,b')
  expect(changes).toBe(1)
})
