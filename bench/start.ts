// Start-up: what register costs a process that neither listens nor calls, the time to the first answer through the mesh,
// and the private memory that the mesh takes over the same program without it. The baseline is the same program alone; the
// build and the sources take turns with it. Beside the time stands the processor time, which a busy machine changes less.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, type Row, row } from './report.ts'
import { BenchWorker } from './worker.ts'

/** What a program prints of itself. */
interface Outcome {
  /** Milliseconds since Node itself was ready. */
  readonly ms: number
  /** Milliseconds of processor time since the process began. */
  readonly cpuMs: number
  readonly privateMiB: number
}

interface Round {
  readonly baseline: number
  readonly value: number
}

const BUILD = ['--import', '@inmesh/http/register']
const SOURCES = ['--conditions=inmesh-source', ...BUILD]

const root = join(import.meta.dirname, '..')
const execute = promisify(execFile)

/** Runs it; `rounds` is 15 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 15
  await execute(process.env['npm_execpath'] === undefined ? 'npm' : process.execPath, npmArguments(), { cwd: root })
  const upstream = new BenchWorker('upstream.ts')
  const { port } = await upstream.ask<{ port: number }>({})
  const mesh = await startBenchMesh(upstreamYaml(port))
  const cases = new Map<string, { unit: string; rounds: Round[] }>()
  const add = (name: string, unit: string, baseline: number, value: number): void => {
    const found = cases.get(name) ?? { unit, rounds: [] }
    cases.set(name, found)
    found.rounds.push({ baseline, value })
  }
  try {
    for (let round = -1; round < times; round++) {
      const bareIdle = await program([], 'idle.mjs', [], mesh.xds)
      const bare = await program([], 'first-answer.mjs', [`http://127.0.0.1:${port}/`], mesh.xds)
      for (const [flags, suffix] of [[BUILD, ''] as const, [SOURCES, ', sources'] as const]) {
        const idle = await program(flags, 'idle.mjs', [], mesh.xds)
        const first = await program(flags, 'first-answer.mjs', ['http://upstream:9080/'], mesh.xds)
        if (round < 0) continue
        add(`idle process${suffix}`, 'ms', bareIdle.ms, idle.ms)
        add(`idle process${suffix}, cpu`, 'ms', bareIdle.cpuMs, idle.cpuMs)
        add(`first answer${suffix}`, 'ms', bare.ms, first.ms)
        add(`first answer${suffix}, cpu`, 'ms', bare.cpuMs, first.cpuMs)
        add(`private memory${suffix}`, 'MiB', bare.privateMiB, first.privateMiB)
      }
    }
  } finally {
    await mesh.stop()
    await upstream.stop()
  }
  const rows = Array.from(cases, ([name, { unit, rounds: of }]): Row => row(name, unit, of))
  return { name: 'start', node: process.versions.node, rounds: times, rows }
}

function npmArguments(): string[] {
  const npm = process.env['npm_execpath']
  return [...(npm === undefined ? [] : [npm]), 'run', '-s', 'build']
}

async function program(flags: readonly string[], file: string, args: readonly string[], xds: string): Promise<Outcome> {
  const { stdout } = await execute(
    process.execPath,
    ['--expose-gc', ...flags, join(import.meta.dirname, 'workers', file), ...args],
    { cwd: join(root, 'packages', 'http'), env: { ...process.env, INMESH_XDS: xds, POD_NAMESPACE: 'bench' } },
  )
  return JSON.parse(stdout) as Outcome
}
