// A body of one gigabyte passes through the mesh as it arrives: memory stays flat.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine, type ServiceProcess } from '../../examples/shop/machine.ts'

const services = join(import.meta.dirname, 'services')
let machine: Machine
let front: ServiceProcess

beforeAll(async () => {
  machine = new Machine({ config: join(import.meta.dirname, 'mesh') })
  await machine.startAgent()
  await machine.startService({ name: 'stream', group: 'stream', namespace: 'test', file: join(services, 'stream.ts') })
  front = await machine.startService({
    name: 'front',
    group: 'front',
    namespace: 'test',
    file: join(services, 'drain.ts'),
  })
}, 60_000)
afterAll(() => machine?.stop())

const fetchBytes = async (bytes: number): Promise<{ status: number; bytes: number; privateMiB: number }> =>
  (await fetch(`http://${front.address}:8000/${bytes}`)).json() as Promise<{
    status: number
    bytes: number
    privateMiB: number
  }>

test('1 GB takes no more memory than 64 MB', async () => {
  const small = await fetchBytes(64 * 2 ** 20)
  const large = await fetchBytes(2 ** 30)
  expect(large).toMatchObject({ status: 200, bytes: 2 ** 30 })
  // Garbage between collections is allowed for; a body that was held would be 1,024 MiB.
  expect(large.privateMiB - small.privateMiB).toBeLessThan(96)
}, 120_000)
