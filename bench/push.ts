// One endpoint change, from the saved file to 1,000 clients, against a bare gRPC server that writes the same bytes to as
// many streams. And one changed weight, from the saved file to the first request on the new split, against the file
// system's own notice of the change.
import { watch } from 'node:fs'
import { dirname } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { create, toBinary } from '@bufbuild/protobuf'
import { DeltaDiscoveryResponseSchema } from '@inmesh/core/gen/envoy/service/discovery/v3/discovery_pb.ts'
import { startBenchMesh, upstreamYaml } from './bench-mesh.ts'
import { type Report, type Row, row } from './report.ts'
import { BenchWorker } from './worker.ts'

const CLIENTS = 1_000
const CLUSTER = 'outbound|9080||upstream.bench.svc.cluster.local'
const wall = (): number => performance.timeOrigin + performance.now()

/** Runs it; `rounds` is 9 by default. */
export async function run(rounds: number | null): Promise<Report> {
  const times = rounds ?? 9
  return {
    name: 'push',
    node: process.versions.node,
    rounds: times,
    rows: [...(await endpointChange(times)), await weightChange(times)],
  }
}

async function endpointChange(times: number): Promise<Row[]> {
  const bare = await startBareServer()
  const mesh = await startBenchMesh(upstreamYaml(1))
  const target = mesh.xds.replace('unix://', 'unix:')
  const toAgent = new BenchWorker('push-clients.ts', [target, String(CLIENTS), CLUSTER])
  const toBare = new BenchWorker('push-clients.ts', [`127.0.0.1:${bare.port}`, String(CLIENTS), CLUSTER])
  const median: { baseline: number; value: number }[] = []
  const p99: { baseline: number; value: number }[] = []
  try {
    await toAgent.ask({ wait: 'connected' })
    await toBare.ask({ wait: 'connected' })
    for (let round = 0; round < times; round++) {
      const baseline = await timed(toBare, () => bare.push())
      const value = await timed(toAgent, () => mesh.configure(upstreamYaml(2 + round)))
      median.push({ baseline: at(baseline, 0.5), value: at(value, 0.5) })
      p99.push({ baseline: at(baseline, 0.99), value: at(value, 0.99) })
    }
  } finally {
    await Promise.all([toAgent.stop(), toBare.stop()])
    await mesh.stop()
    bare.stop()
  }
  return [
    row(`endpoint change, ${CLIENTS} clients, p50`, 'ms', median),
    row(`endpoint change, ${CLIENTS} clients, p99`, 'ms', p99),
  ]
}

async function timed(clients: BenchWorker, change: () => void): Promise<number[]> {
  const start = wall()
  change()
  const { arrivals } = await clients.ask<{ arrivals: number[] }>({ wait: 'arrived' })
  return arrivals.map((time) => time - start).sort((a, b) => a - b)
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
}

/** A gRPC server that answers each stream's first message and then writes when told to. */
async function startBareServer(): Promise<{ port: number; push(): void; stop(): void }> {
  const streams = new Set<grpc.ServerDuplexStream<Uint8Array, Uint8Array>>()
  const identity = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
  const message = (name: string): Uint8Array =>
    toBinary(
      DeltaDiscoveryResponseSchema,
      create(DeltaDiscoveryResponseSchema, {
        nonce: name,
        resources: [{ name: CLUSTER, version: name, resource: { typeUrl: 't', value: new Uint8Array(300) } }],
      }),
    )
  const server = new grpc.Server({ 'grpc.max_concurrent_streams': 100_000 })
  const method = {
    path: '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: identity,
    responseDeserialize: (bytes: Buffer) => bytes,
  } as const
  server.addService(
    { delta: method },
    {
      delta: (call: grpc.ServerDuplexStream<Uint8Array, Uint8Array>) => {
        call.on('data', () => {
          if (streams.has(call)) return
          streams.add(call)
          call.write(message('first'))
        })
        call.on('error', () => {})
      },
    },
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  )
  let pushes = 0
  return {
    port,
    push() {
      const bytes = message(String(++pushes))
      for (const stream of streams) stream.write(bytes)
    },
    stop: () => server.forceShutdown(),
  }
}

async function weightChange(times: number): Promise<Row> {
  const upstream = new BenchWorker('upstream.ts')
  const { port } = await upstream.ask<{ port: number }>({})
  const mesh = await startBenchMesh(upstreamYaml(port, 100))
  const caller = new BenchWorker('split.ts', [], { INMESH_XDS: mesh.xds })
  const results: { baseline: number; value: number }[] = []
  try {
    await caller.ask({ await: '127.0.0.1' })
    for (let round = 0; round < times; round++) {
      const toV2 = round % 2 === 0
      const noticed = new Promise<number>((resolve) => {
        const watcher = watch(dirname(mesh.file), () => {
          watcher.close()
          resolve(wall())
        })
      })
      const moved = caller.ask<{ at: number }>({ await: toV2 ? '127.0.0.2' : '127.0.0.1' })
      const start = wall()
      mesh.configure(upstreamYaml(port, toV2 ? 0 : 100))
      results.push({ baseline: (await noticed) - start, value: (await moved).at - start })
    }
  } finally {
    await caller.stop()
    await mesh.stop()
    await upstream.stop()
  }
  return row('weight change to first request', 'ms', results)
}
