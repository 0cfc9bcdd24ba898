// Many clients of a control plane in one process: each holds a delta ADS stream and notes when a change reached it.
import * as grpc from '@grpc/grpc-js'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
} from '@inmesh/core/gen/envoy/service/discovery/v3/discovery_pb.ts'
import { serveWorker } from '../worker.ts'

const CLIENTS_PER_CONNECTION = 50
const [address, count, cluster] = process.argv.slice(2) as [string, string, string]
const typeUrl = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
const wall = (): number => performance.timeOrigin + performance.now()
const arrivals: number[] = []
let connected = 0
let shared: grpc.Client | null = null

const identity = (bytes: Uint8Array): Buffer => Buffer.from(bytes)
for (let i = 0; i < Number(count); i++) {
  if (shared === null || i % CLIENTS_PER_CONNECTION === 0) {
    shared = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  }
  const stream = shared.makeBidiStreamRequest(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    identity,
    (b) => b,
  )
  stream.on('error', (error) => {
    console.error(error)
    process.exit(1)
  })
  let first = true
  stream.on('data', (bytes: Buffer) => {
    const { nonce, resources } = fromBinary(DeltaDiscoveryResponseSchema, bytes)
    if (first) connected++
    else if (resources.length > 0) arrivals.push(wall())
    first = false
    stream.write(
      toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { typeUrl, responseNonce: nonce })),
    )
  })
  const node = { id: `sidecar~127.0.0.1~client-${i}.bench~bench.svc.cluster.local`, metadata: { GENERATOR: 'inmesh' } }
  stream.write(
    toBinary(
      DeltaDiscoveryRequestSchema,
      create(DeltaDiscoveryRequestSchema, { node, typeUrl, resourceNamesSubscribe: [cluster] }),
    ),
  )
}

serveWorker(async ({ wait }: { wait: 'connected' | 'arrived' }) => {
  const enough = (): boolean => (wait === 'connected' ? connected : arrivals.length) >= Number(count)
  while (!enough()) await new Promise((resolve) => setTimeout(resolve, 2))
  return { arrivals: wait === 'arrived' ? arrivals.splice(0) : [] }
})
