// Server CPU per request and bytes allocated for it: a node:http server under register against the same server alone, called
// by a raw undici Pool. Many short rounds that take turns: on a shared machine the quiet ones tell.
import { Pool } from 'undici'
import { encodeStruct } from '../packages/core/src/telemetry/protobuf-struct.ts'
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, type Row, row } from './report.ts'
import { BenchWorker } from './worker.ts'

const FIELDS = {
  accept: '*/*',
  'user-agent': 'bench',
  'x-request-id': 'a',
  'x-a': '1',
  'x-b': '2',
  'x-c': '3',
  'x-d': '4',
  'x-e': '5',
}

/** Who asks: somebody outside of the mesh, or a workload in it, which sends its metadata and a trace. */
export const CALLERS: readonly { readonly caller: string; readonly headers: Readonly<Record<string, string>> }[] = [
  { caller: 'outside', headers: FIELDS },
  {
    caller: 'the mesh',
    headers: {
      ...FIELDS,
      'x-envoy-peer-metadata-id': 'proxyless~10.0.0.1~client.bench~bench.svc.cluster.local',
      'x-envoy-peer-metadata': encodedPeer(),
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
    },
  },
]

const CASES = [
  { name: 'node:http', caller: 0, rate: 0, requests: 8_000 },
  { name: 'node:http, from the mesh', caller: 1, rate: 0, requests: 8_000 },
  { name: 'node:http 1000rps', caller: 0, rate: 1_000, requests: 1_000 },
] as const
/** Requests before the first round, until V8 has optimised what it will. */
const WARM_UP = 60_000

interface Measured {
  readonly us: number
  readonly bytes: number
}

/** Runs it; `rounds` is 20 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 20
  const mesh = await startBenchMesh(upstreamYaml(1))
  const bare = new BenchWorker('server.ts')
  const instance = '127.77.0.1'
  const env = {
    INMESH_XDS: mesh.xds,
    INSTANCE_IP: instance,
    POD_NAMESPACE: 'bench',
    ISTIO_META_AUTO_REGISTER_GROUP: 'served',
  }
  const meshed = new BenchWorker('server.ts', [], env, ['--import', '@inmesh/http/register'])
  const rows: Row[] = []
  try {
    const pools = {
      bare: new Pool(`http://127.0.0.1:${(await bare.ask<{ port: number }>({})).port}`, POOL),
      mesh: new Pool(`http://${instance}:${(await meshed.ask<{ port: number }>({})).port}`, POOL),
    }
    const measure = async (worker: BenchWorker, load: Load): Promise<Measured> => {
      await worker.ask({})
      await send(load)
      const { us, bytes } = await worker.ask<Measured>({})
      return { us: us / load.requests, bytes: bytes / load.requests }
    }
    for (const { name, caller, rate, requests } of CASES) {
      const headers = CALLERS[caller]?.headers ?? {}
      const us: { baseline: number; value: number }[] = []
      const bytes: { baseline: number; value: number }[] = []
      await send({ pool: pools.bare, headers, requests: WARM_UP, rate: 0 })
      await send({ pool: pools.mesh, headers, requests: WARM_UP, rate: 0 })
      for (let round = 0; round < times; round++) {
        const baseline = await measure(bare, { pool: pools.bare, headers, requests, rate })
        const value = await measure(meshed, { pool: pools.mesh, headers, requests, rate })
        us.push({ baseline: baseline.us, value: value.us })
        bytes.push({ baseline: baseline.bytes, value: value.bytes })
      }
      rows.push(row(name, 'us CPU/request', us))
      if (rate === 0 && bytes.every(({ value }) => !Number.isNaN(value)))
        rows.push(row(`${name}, heap`, 'bytes/request', bytes))
    }
    await Promise.all([pools.bare.destroy(), pools.mesh.destroy()])
  } finally {
    await Promise.all([bare.stop(), meshed.stop()])
    await mesh.stop()
  }
  return { name: 'server', node: process.versions.node, rounds: times, rows }
}

interface Load {
  readonly pool: Pool
  readonly headers: Readonly<Record<string, string>>
  readonly requests: number
  /** Requests per second; 0 is as fast as 64 callers get. */
  readonly rate: number
}

/** What a workload called `client` says of itself. */
function encodedPeer(): string {
  const labels = {
    app: 'client',
    'service.istio.io/canonical-name': 'client',
    'service.istio.io/canonical-revision': 'v1',
  }
  const struct = {
    NAME: 'client',
    NAMESPACE: 'bench',
    CLUSTER_ID: 'Kubernetes',
    WORKLOAD_NAME: 'client',
    LABELS: labels,
  }
  return Buffer.from(encodeStruct(struct)).toString('base64')
}

const POOL = { connections: 64, pipelining: 1, allowH2: false }

function one({ pool, headers }: Load): Promise<void> {
  return new Promise((resolve, reject) => {
    pool.dispatch(
      { path: '/reviews/1', method: 'GET', headers },
      {
        onRequestStart() {},
        onResponseStart(_controller: unknown, status: number) {
          if (status !== 200) reject(new Error(`status ${status}`))
        },
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: (_controller: unknown, error: Error) => reject(error),
      },
    )
  })
}

async function send(load: Load): Promise<void> {
  const { requests, rate } = load
  if (rate === 0) {
    let left = requests
    const loop = async (): Promise<void> => {
      while (left-- > 0) await one(load)
    }
    await Promise.all(Array.from({ length: 64 }, loop))
    return
  }
  const start = performance.now()
  const pending: Promise<void>[] = []
  while (pending.length < requests) {
    const due = Math.min(requests, Math.floor(((performance.now() - start) / 1000) * rate))
    while (pending.length < due) pending.push(one(load))
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await Promise.all(pending)
}
