// What a served request costs in the mesh alone: node:http, core and adapter over connections in memory. There is no
// socket in it, so that its numbers hold on a busy machine; the baseline is the same server without a mesh.
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, type Row, row } from './report.ts'
import { CALLERS } from './server.ts'
import { BenchWorker } from './worker.ts'

const REQUESTS = 8_000
const WARM_UP = 12

interface Measured {
  readonly us: number
  readonly bytes: number
}

/** Runs it; `rounds` is 40 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 40
  const mesh = await startBenchMesh(upstreamYaml(1))
  const rows: Row[] = []
  try {
    let instance = 1
    for (const { caller, headers } of CALLERS) {
      const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
      const env = {
        INMESH_XDS: mesh.xds,
        INSTANCE_IP: `127.78.0.${instance++}`,
        POD_NAMESPACE: 'bench',
        ISTIO_META_AUTO_REGISTER_GROUP: 'served',
        REQUEST: `GET /reviews/1 HTTP/1.1\r\nhost: served:9080\r\n${fields.join('')}\r\n`,
      }
      const bare = new BenchWorker('serve.ts', [], env)
      const meshed = new BenchWorker('serve.ts', [], env, ['--import', '@inmesh/http/register'])
      const us: { baseline: number; value: number }[] = []
      const bytes: { baseline: number; value: number }[] = []
      for (let round = -WARM_UP; round < times; round++) {
        const baseline = await bare.ask<Measured>({ requests: REQUESTS })
        const value = await meshed.ask<Measured>({ requests: REQUESTS })
        if (round < 0) continue
        us.push({ baseline: baseline.us, value: value.us })
        bytes.push({ baseline: baseline.bytes, value: value.bytes })
      }
      rows.push(row(`from ${caller}`, 'us CPU/request', us))
      if (bytes.every(({ value }) => !Number.isNaN(value)))
        rows.push(row(`from ${caller}, heap`, 'bytes/request', bytes))
      await Promise.all([bare.stop(), meshed.stop()])
    }
  } finally {
    await mesh.stop()
  }
  return { name: 'serve', node: process.versions.node, rounds: times, rows }
}
