import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, silentLogger } from '@inmesh/core'
import { FakeClock } from '@inmesh/core/testing'
import { afterEach, expect, test } from 'vitest'
import type { Proxy } from '../model/proxy.ts'
import { AutoRegistration } from './auto-registration.ts'
import { RegistrationFile } from './registration-file.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const proxy = (ip: string, group: string | null = 'reviews-v1'): Proxy => ({
  id: `sidecar~${ip}~reviews.shop~shop.svc.cluster.local`,
  type: 'sidecar',
  ips: [ip],
  name: 'reviews',
  namespace: 'shop',
  dnsDomain: 'shop.svc.cluster.local',
  labels: { version: 'v1' },
  serviceAccount: 'reviews',
  clusterId: 'Kubernetes',
  generator: 'inmesh',
  group,
  metadata: {},
})

function setUp(
  folder: string | null = null,
  log: Logger = silentLogger,
): { clock: FakeClock; registrations: AutoRegistration; changes: () => number } {
  const clock = new FakeClock()
  let changes = 0
  const file = folder === null ? null : new RegistrationFile(folder, log)
  const registrations = new AutoRegistration({ clock, log, file, onChange: () => changes++ })
  return { clock, registrations, changes: () => changes }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-registrations-'))
  folders.push(folder)
  return folder
}

test('a workload is registered under its group and address, and listens nowhere until it asks for an inbound listener', () => {
  const { registrations, changes } = setUp()
  const stream = {}
  registrations.connect(stream, proxy('127.0.0.2'))
  expect(registrations.list()).toMatchObject([
    { namespace: 'shop', group: 'reviews-v1', address: '127.0.0.2', ports: [], connected: true },
  ])
  registrations.listen(stream, new Set([9080]))
  expect(registrations.list()[0]?.ports).toEqual([9080])
  expect(changes()).toBe(2)
})

test('a workload without a group is not registered', () => {
  const { registrations, changes } = setUp()
  registrations.connect({}, proxy('127.0.0.2', null))
  expect(registrations.list()).toEqual([])
  expect(changes()).toBe(0)
})

test('a group of another namespace is named with it', () => {
  const { registrations } = setUp()
  registrations.connect({}, proxy('127.0.0.2', 'other/group'))
  expect(registrations.list()).toMatchObject([{ namespace: 'other', group: 'group' }])
})

test('a workload is gone within two seconds of its last stream, and not at once', () => {
  const { clock, registrations } = setUp()
  const stream = {}
  registrations.connect(stream, proxy('127.0.0.2'))
  registrations.listen(stream, new Set([9080]))
  registrations.disconnect(stream)
  expect(registrations.list()).toHaveLength(1)
  clock.advance(2_000)
  expect(registrations.list()).toEqual([])
})

test('a workload that reconnects in that time keeps its ports', () => {
  const { clock, registrations, changes } = setUp()
  const first = {}
  registrations.connect(first, proxy('127.0.0.2'))
  registrations.listen(first, new Set([9080]))
  const before = changes()
  registrations.disconnect(first)
  clock.advance(500)
  const second = {}
  registrations.connect(second, proxy('127.0.0.2'))
  expect(registrations.list()[0]?.ports).toEqual([9080])
  registrations.listen(second, new Set())
  registrations.listen(second, new Set([9080]))
  clock.advance(60_000)
  expect(registrations.list()[0]?.ports).toEqual([9080])
  expect(changes()).toBe(before)
})

test('several processes share an address: it goes with the last of them', () => {
  const { clock, registrations } = setUp()
  const [one, two] = [{}, {}]
  for (const stream of [one, two]) {
    registrations.connect(stream, proxy('127.0.0.2'))
    registrations.listen(stream, new Set([9080]))
  }
  registrations.disconnect(one)
  clock.advance(60_000)
  expect(registrations.list()[0]?.ports).toEqual([9080])
  registrations.disconnect(two)
  clock.advance(2_000)
  expect(registrations.list()).toEqual([])
})

test('a process that stops to listen is not healthy there any more', () => {
  const { registrations } = setUp()
  const stream = {}
  registrations.connect(stream, proxy('127.0.0.2'))
  registrations.listen(stream, new Set([9080]))
  registrations.listen(stream, new Set())
  expect(registrations.list()[0]?.ports).toEqual([])
})

test('a restarted agent serves what was registered until it comes back, 10 seconds at the most', () => {
  const folder = temporaryFolder()
  const before = setUp(folder)
  for (const ip of ['127.0.0.2', '127.0.0.3']) {
    const stream = {}
    before.registrations.connect(stream, proxy(ip))
    before.registrations.listen(stream, new Set([9080]))
  }
  const after = setUp(folder)
  expect(after.registrations.list()).toMatchObject([
    { address: '127.0.0.2', ports: [9080], connected: false },
    { address: '127.0.0.3', ports: [9080], connected: false },
  ])
  after.clock.advance(9_000)
  after.registrations.connect({}, proxy('127.0.0.3'))
  after.clock.advance(2_000)
  expect(after.registrations.list()).toMatchObject([{ address: '127.0.0.3', ports: [9080], connected: true }])
})

test('a registration file that is damaged is ignored and named in the log', () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'registrations.json'), '{"version": 1, "registrations": [{"group": 7}]}')
  const warnings: string[] = []
  const { registrations } = setUp(folder, { ...silentLogger, warn: (message) => warnings.push(message) })
  expect(registrations.list()).toEqual([])
  expect(warnings[0]).toContain(join(folder, 'registrations.json'))
})
