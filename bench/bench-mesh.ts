// The mesh that benchmarks run in: an agent on a folder with one service, whose endpoints are given.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Machine } from '../examples/shop/machine.ts'

/** A running agent and the file that says where `upstream:9080` is. */
export interface BenchMesh {
  readonly machine: Machine
  readonly xds: string
  /** The file that the agent reads. */
  readonly file: string
  /** Writes it anew. */
  configure(yaml: string): void
  stop(): Promise<void>
}

/** Istio YAML of the service `upstream` at this port, two subsets split 90/10, with retries, as a busy route has them. */
export function upstreamYaml(port: number, v1 = 90): string {
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: upstream, namespace: bench}
spec:
  hosts: [upstream.bench.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: http, protocol: HTTP}]
  endpoints:
    - {address: 127.0.0.1, ports: {http: ${port}}, labels: {app: upstream, version: v1}}
    - {address: 127.0.0.2, ports: {http: ${port}}, labels: {app: upstream, version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: upstream, namespace: bench}
spec:
  host: upstream.bench.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 5}
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: upstream, namespace: bench}
spec:
  hosts: [upstream.bench.svc.cluster.local]
  http:
    - match: [{headers: {end-user: {exact: jason}}}]
      route: [{destination: {host: upstream.bench.svc.cluster.local, subset: v2}}]
    - route:
        - {destination: {host: upstream.bench.svc.cluster.local, subset: v1}, weight: ${v1}}
        - {destination: {host: upstream.bench.svc.cluster.local, subset: v2}, weight: ${100 - v1}}
      retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,reset,connect-failure"}
      timeout: 5s
---
apiVersion: v1
kind: Service
metadata: {name: served, namespace: bench}
spec:
  selector: {app: served}
  ports: [{port: 9080, name: http}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: served, namespace: bench}
spec:
  metadata: {labels: {app: served, version: v1}}
  template: {serviceAccount: served}
`
}

/** Starts the agent. */
export async function startBenchMesh(yaml: string): Promise<BenchMesh> {
  const folder = mkdtempSync(join(tmpdir(), 'inmesh-bench-'))
  const file = join(folder, 'mesh.yaml')
  const configure = (text: string): void => writeFileSync(file, text)
  configure(yaml)
  const machine = new Machine({ config: folder })
  await machine.startAgent()
  return {
    machine,
    xds: machine.xds,
    file,
    configure,
    async stop() {
      await machine.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
