// The shop under the other supported versions of Node, the agent included: what the demo shows holds there too.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Shop, startShop } from '../../examples/shop/shop.ts'
import { describeWithPeer } from '../interop/peers.ts'

for (const [peer, version] of [
  ['node22', '22'],
  ['node24', '24'],
] as const) {
  describeWithPeer(peer, `the shop on Node ${version}`, (node) => {
    let shop: Shop

    beforeAll(async () => {
      shop = await startShop({ config: join(import.meta.dirname, '../../examples/shop/mesh'), node })
    }, 60_000)
    afterAll(() => shop?.machine.stop())

    test('nine of ten requests go to v1, and none fails', async () => {
      const versions: string[] = []
      for (let round = 0; round < 40; round++) {
        const answers = await Promise.all(
          Array.from({ length: 10 }, async () => {
            const response = await fetch(`${shop.frontend}/reviews/0`)
            return response.ok ? ((await response.json()) as { version: string }).version : `status ${response.status}`
          }),
        )
        versions.push(...answers)
      }
      const v2 = versions.filter((version) => version === 'v2').length
      expect(versions.filter((version) => version !== 'v1' && version !== 'v2')).toEqual([])
      // 4.5 standard deviations of 400 throws at one in ten.
      expect(Math.abs(v2 - 40)).toBeLessThan(27)
    })

    test('posted bodies arrive, and a failing instance is hidden', async () => {
      for (let i = 0; i < 20; i++) {
        const payment = await fetch(`${shop.frontend}/api/payments`, { method: 'POST', body: 'x'.repeat(1_000) })
        expect(await payment.json()).toMatchObject({ bytes: 1_000 })
        expect((await fetch(`${shop.frontend}/backend`)).status).toBe(200)
      }
    })
  })
}
