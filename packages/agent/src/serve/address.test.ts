import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { claimSocketPath, formatAddress, parseAddress } from './address.ts'

const folder = mkdtempSync(join(tmpdir(), 'inmesh-address-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['unix:///run/inmesh/xds.sock', { kind: 'unix', path: '/run/inmesh/xds.sock' }],
  ['unix:/run/xds.sock', { kind: 'unix', path: '/run/xds.sock' }],
  ['127.0.0.1:15010', { kind: 'tcp', host: '127.0.0.1', port: 15010 }],
  ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
  ['[::1]:15010', { kind: 'tcp', host: '::1', port: 15010 }],
])('%s is an address', (text, address) => {
  expect(parseAddress(text, '--xds')).toEqual(address)
})

test.each(['', ':15010', 'localhost', 'localhost:70000', 'unix:relative', '::1:15010', 'http://a:1'])(
  '%j is refused with the name of the option',
  (text) => {
    expect(() => parseAddress(text, '--xds')).toThrow(/--xds .* is not an address/)
  },
)

test('an address is written as it is read', () => {
  for (const text of ['unix:///a/b', '127.0.0.1:1', '[::1]:2'])
    expect(formatAddress(parseAddress(text, 'x'))).toBe(text)
})

test('a socket that a killed process left behind is removed', async () => {
  const path = join(folder, 'left.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  expect(existsSync(path)).toBe(true)
  await claimSocketPath(path)
  expect(existsSync(path)).toBe(false)
})

test('a socket that a live process answers on is not taken', async () => {
  const path = join(folder, 'live.sock')
  const server = createServer().listen(path)
  await new Promise((resolve) => server.once('listening', resolve))
  await expect(claimSocketPath(path)).rejects.toThrow(/another process listens/)
  await new Promise((resolve) => server.close(resolve))
})

test('a file that is no socket is not removed', async () => {
  const path = join(folder, 'file')
  writeFileSync(path, 'precious')
  await expect(claimSocketPath(path)).rejects.toThrow(/is not a socket/)
})

test('a missing folder is made', async () => {
  await expect(claimSocketPath(join(folder, 'a', 'b', 'xds.sock'))).resolves.toBeUndefined()
})
