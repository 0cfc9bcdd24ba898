// Client CPU per request and bytes allocated for it: the mesh's dispatcher against a raw undici Pool, undici.request and
// global fetch, with routing, balancing, retry policy, timeouts, outlier detection, metrics, peer metadata and trace context
// on. Many short rounds that take turns: on a shared machine the quiet ones tell.
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, type Row, row } from './report.ts'
import { BenchWorker } from './worker.ts'

const CASES = [
  { call: 'dispatch', rate: 0, requests: 12_000 },
  { call: 'request', rate: 0, requests: 12_000 },
  { call: 'fetch', rate: 0, requests: 5_000 },
  { call: 'dispatch', rate: 1_000, requests: 1_000 },
  { call: 'fetch', rate: 1_000, requests: 1_000 },
] as const
/** Requests before the first round, until V8 has optimised what it will. */
const WARM_UP = 60_000

interface Measured {
  readonly us: number
  readonly bytes: number
}

/** Runs it; `rounds` is 15 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 15
  const upstream = new BenchWorker('upstream.ts')
  const { port } = await upstream.ask<{ port: number }>({})
  const mesh = await startBenchMesh(upstreamYaml(port))
  const rows: Row[] = []
  try {
    for (const { call, rate, requests } of CASES) {
      const bare = new BenchWorker('client.ts', [call, 'bare', String(port)])
      const meshed = new BenchWorker('client.ts', [call, 'mesh', String(port)], { INMESH_XDS: mesh.xds })
      const warmUp = { requests: call === 'fetch' ? WARM_UP / 3 : WARM_UP, rate: 0 }
      await bare.ask(warmUp)
      await meshed.ask(warmUp)
      const us: { baseline: number; value: number }[] = []
      const bytes: { baseline: number; value: number }[] = []
      for (let round = 0; round < times; round++) {
        const baseline = await bare.ask<Measured>({ requests, rate })
        const value = await meshed.ask<Measured>({ requests, rate })
        us.push({ baseline: baseline.us, value: value.us })
        bytes.push({ baseline: baseline.bytes, value: value.bytes })
      }
      const name = rate === 0 ? call : `${call} ${rate}rps`
      rows.push(row(name, 'us CPU/request', us))
      if (rate === 0 && bytes.every(({ value }) => !Number.isNaN(value)))
        rows.push(row(`${name}, heap`, 'bytes/request', bytes))
      await Promise.all([bare.stop(), meshed.stop()])
    }
  } finally {
    await mesh.stop()
    await upstream.stop()
  }
  return { name: 'client', node: process.versions.node, rounds: times, rows }
}
