// The shop as a machine runs it: processes, sockets, files. A canary moves and an agent dies, and no request fails.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Shop, startShop } from '../../examples/shop/shop.ts'

const config = mkdtempSync(join(tmpdir(), 'inmesh-shop-config-'))
let shop: Shop
const output: string[] = []

beforeAll(async () => {
  cpSync(join(import.meta.dirname, '../../examples/shop/mesh'), config, { recursive: true })
  shop = await startShop({ config, onOutput: (name, text) => output.push(`[${name}] ${text}`) }).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}\n${output.join('')}`)
    },
  )
}, 60_000)
afterAll(async () => {
  await shop?.machine.stop()
  rmSync(config, { recursive: true, force: true })
})

/** Sends `count` requests, `concurrency` at a time, and counts the versions that answered and the failures. */
async function send(
  count: number,
  path = '/reviews/0',
  concurrency = 16,
): Promise<{ v1: number; v2: number; failed: string[] }> {
  const result = { v1: 0, v2: 0, failed: [] as string[] }
  let left = count
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      try {
        const response = await fetch(
          `${shop.frontend}${path}`,
          path.startsWith('/api') ? { method: 'POST', body: '{}' } : {},
        )
        const text = await response.text()
        if (!response.ok) result.failed.push(`${response.status} ${text}`)
        else result[(JSON.parse(text) as { version: 'v1' | 'v2' }).version]++
      } catch (error) {
        result.failed.push(String(error))
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return result
}

/** Bounds of 4.5 standard deviations around the expected count: wrong in one of 150,000 honest runs. */
function expectShare(count: number, of: number, share: number): void {
  const sigma = Math.sqrt(of * share * (1 - share))
  expect(Math.abs(count - of * share)).toBeLessThan(4.5 * sigma)
}

function setWeights(v1: number, v2: number): void {
  const file = join(config, 'reviews.yaml')
  const text = readFileSync(file, 'utf8')
    .replace(/subset: v1}, weight: \d+/, `subset: v1}, weight: ${v1}`)
    .replace(/subset: v2}, weight: \d+/, `subset: v2}, weight: ${v2}`)
  writeFileSync(file, text)
}

test('90 % of 2,000 requests go to v1 and 10 % to v2', async () => {
  const { v1, v2, failed } = await send(2_000)
  expect(failed).toEqual([])
  expectShare(v2, v1 + v2, 0.1)
})

test('a weight that is saved moves the traffic, and no request fails', async () => {
  let done = false
  const load = (async () => {
    const failed: string[] = []
    while (!done) failed.push(...(await send(50)).failed)
    return failed
  })()
  setWeights(0, 100)
  // Fifty without a single v1 are not chance while nine of ten go there. `npm run bench -- push` says how soon it is.
  await expect.poll(async () => (await send(50)).v1, { timeout: 10_000 }).toBe(0)
  setWeights(50, 50)
  await expect.poll(async () => (await send(40)).v1, { timeout: 5_000 }).toBeGreaterThan(5)
  const { v1, v2, failed } = await send(1_000)
  done = true
  expect([...(await load), ...failed]).toEqual([])
  expectShare(v2, v1 + v2, 0.5)
  setWeights(90, 10)
}, 60_000)

test('a file with a mistake is reported with file, line and field, and the last good state stays in force', async () => {
  const file = join(config, 'reviews.yaml')
  const good = readFileSync(file, 'utf8')
  output.length = 0
  writeFileSync(file, good.replace('weight: 90', 'weight: ninety'))
  await expect
    .poll(() => output.join(''))
    .toMatch(/reviews\.yaml:9: VirtualService shop\/reviews spec\.http\[0\]\.route\[0\]\.weight/)
  expect((await send(200)).failed).toEqual([])
  writeFileSync(file, good)
})

test('an instance that always fails is hidden from callers', async () => {
  expect((await send(300, '/backend')).failed).toEqual([])
})

test('an agent that is killed and comes back costs no request', async () => {
  let done = false
  const load = (async () => {
    const failed: string[] = []
    while (!done) {
      failed.push(...(await send(50)).failed)
      failed.push(...(await send(20, '/api/payments')).failed)
    }
    return failed
  })()
  const ended = new Promise((resolve) => shop.machine.agent.once('exit', resolve))
  shop.machine.agent.kill('SIGKILL')
  await ended
  await send(300)
  await shop.machine.startAgent()
  await send(300)
  setWeights(0, 100)
  // The new agent is heard by everybody: the change arrives without a restart of any service.
  await expect.poll(async () => (await send(20)).v1, { timeout: 20_000 }).toBe(0)
  setWeights(90, 10)
  await expect.poll(async () => (await send(20)).v1, { timeout: 20_000 }).toBeGreaterThan(0)
  done = true
  expect(await load).toEqual([])
}, 90_000)

test('a service that ends is gone from the mesh', async () => {
  const v2 = shop.services.find((service) => service.name === 'reviews-v2')
  setWeights(50, 50)
  await expect.poll(async () => (await send(20)).v2, { timeout: 5_000 }).toBeGreaterThan(0)
  v2?.child.kill('SIGKILL')
  const groups = async (): Promise<boolean> =>
    (await (await fetch(`http://${shop.machine.admin}/config_dump`)).text()).includes('"group": "reviews-v2"')
  await expect.poll(groups, { timeout: 10_000 }).toBe(false)
})
