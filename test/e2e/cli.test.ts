// The program `inmesh` as a shell sees it: output, errors with what to do next, exit codes.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'

const program = join(import.meta.dirname, '../../packages/agent/bin/inmesh.js')
const folder = mkdtempSync(join(tmpdir(), 'inmesh-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

const inmesh = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [program, ...args], { encoding: 'utf8' })

test('--version prints one line', () => {
  expect(inmesh('--version')).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
    stderr: '',
  })
})

test('--help lists the commands on stdout', () => {
  const { status, stdout } = inmesh('--help')
  expect(status).toBe(0)
  expect(stdout).toContain('standalone')
})

test.each([
  [['frob'], /unknown command 'frob'/],
  [['standalone'], /--config <dir>' not specified/],
  [['standalone', '--config', '/does/not/exist'], /not a folder\nGive the folder/],
  [['standalone', '--config', '/tmp', '--xds', 'nowhere'], /--xds "nowhere" is not an address\nWrite unix/],
  [['standalone', '--config', '/tmp', '--log-level', 'loud'], /"loud" is unknown\nUse one of/],
])('%j is a usage error: 64, with what to do next', (args, message) => {
  const { status, stdout, stderr } = inmesh(...args)
  expect(stderr).toMatch(message)
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
})

test('a mistake in the YAML is named with file, line, object and field, the rest is served, and SIGTERM ends with 0', async () => {
  const config = join(folder, 'config')
  mkdirSync(config)
  const socket = join(folder, 'xds.sock')
  writeFileSync(
    join(config, 'mesh.yaml'),
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
    - route:
        - destination: {host: a}
          weight: ten
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80, name: http}]}
`,
  )
  const args = [
    'standalone',
    '--config',
    config,
    '--xds',
    `unix://${socket}`,
    '--admin',
    '127.0.0.1:0',
    '--state',
    join(folder, 'state'),
  ]
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await expect.poll(() => stderr, { timeout: 15_000 }).toContain('"msg":"serving"')
  expect(stderr).toContain(`${join(config, 'mesh.yaml')}:9: VirtualService default/a spec.http[0].route[0].weight`)
  const serving = JSON.parse(stderr.split('\n').find((line) => line.includes('"serving"')) as string) as {
    admin: string
    objects: number
  }
  expect(serving.objects).toBe(1)
  expect(await (await fetch(`http://${serving.admin}/ready`)).text()).toBe('LIVE\n')
  expect((await fetch(`http://${serving.admin}/config_dump?proxyID=nobody`)).status).toBe(404)
  expect((await fetch(`http://${serving.admin}/ready`, { method: 'POST' })).status).toBe(405)
  const metrics = await (await fetch(`http://${serving.admin}/stats/prometheus`)).text()
  expect(metrics).toContain('inmesh_config_problems{severity="error"} 1')
  expect(metrics).toContain('inmesh_config_objects{kind="Service"} 1')
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  expect(await ended).toBe(0)
  expect(existsSync(socket)).toBe(false)
})
