// What a call costs in the mesh alone: dispatcher, core and adapter over connections that answer from memory. There is no
// socket and no parser in it, so that its numbers hold on a busy machine; the baseline is the same caller without a mesh.
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, row } from './report.ts'
import { BenchWorker } from './worker.ts'

const REQUESTS = 25_600

interface Measured {
  readonly us: number
  readonly bytes: number
}

/** Runs it; `rounds` is 25 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 25
  const mesh = await startBenchMesh(upstreamYaml(9))
  const bare = new BenchWorker('call.ts', ['bare'])
  const meshed = new BenchWorker('call.ts', ['mesh'], { INMESH_XDS: mesh.xds })
  const us: { baseline: number; value: number }[] = []
  const bytes: { baseline: number; value: number }[] = []
  try {
    for (let round = -WARM_UP; round < times; round++) {
      const baseline = await bare.ask<Measured>({ requests: REQUESTS })
      const value = await meshed.ask<Measured>({ requests: REQUESTS })
      if (round < 0) continue
      us.push({ baseline: baseline.us, value: value.us })
      bytes.push({ baseline: baseline.bytes, value: value.bytes })
    }
    await Promise.all([bare.stop(), meshed.stop()])
  } finally {
    await mesh.stop()
  }
  const rows = [row('one call', 'us CPU/request', us)]
  if (bytes.every(({ value }) => !Number.isNaN(value))) rows.push(row('one call, heap', 'bytes/request', bytes))
  return { name: 'call', node: process.versions.node, rounds: times, rows }
}

const WARM_UP = 4
