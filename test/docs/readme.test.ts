// What the README shows, runs: its program is taken from the page word for word, but for the socket and the port.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine, waitFor } from '../../examples/shop/machine.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const shop = join(root, 'examples/shop')
// Inside the checkout, so that the packages are found.
const folder = mkdtempSync(join(shop, 'readme-'))
let machine: Machine

beforeAll(async () => {
  machine = new Machine({ config: join(shop, 'mesh') })
  await machine.startAgent()
  await machine.startService({
    name: 'reviews',
    group: 'reviews-v1',
    namespace: 'shop',
    file: join(shop, 'services/reviews.ts'),
  })
}, 60_000)
afterAll(async () => {
  await machine?.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('the program with createMesh answers with what the other service said', async () => {
  const [, program] = /```ts\n([\s\S]*?)```/.exec(readme) as RegExpExecArray as unknown as [string, string]
  expect(program).toContain("xds: 'unix:///tmp/xds.sock'")
  const file = join(folder, 'program.ts')
  const host = '127.200.7.1'
  writeFileSync(
    file,
    program.replace('unix:///tmp/xds.sock', machine.xds).replace('listen(8000)', `listen(8000, '${host}')`),
  )
  const child = machine.startProgram('readme', ['--conditions=inmesh-source', file])
  await waitFor(`http://${host}:8000/`, child)
  expect(await (await fetch(`http://${host}:8000/`)).text()).toContain('A comedy of errors.')
})

test('every npm script that the README names exists', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const named = [...readme.matchAll(/npm (?:run (?:-s )?)?(demo|test|peers|bench|check|docs|build)\b/g)].map(
    (match) => match[1] as string,
  )
  expect(named.length).toBeGreaterThan(4)
  for (const name of named) expect(scripts).toHaveProperty(name)
})

test('every page that the README and ARCHITECTURE.md link to exists', () => {
  for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md']) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
      expect(() => readFileSync(join(root, link as string)), `${page} links to ${link}`).not.toThrow(/ENOENT/)
    }
  }
})
