// A caller that sends one request after the other, and tells when the first one went to the address that is awaited.
import { createMesh } from '@inmesh/http'
import { serveWorker } from '../worker.ts'

const mesh = createMesh({ workload: { name: 'caller', namespace: 'bench' } })

serveWorker(async ({ await: address }: { await: string }) => {
  const { fetch } = await mesh
  for (;;) {
    const response = await fetch('http://upstream:9080/')
    await response.arrayBuffer()
    if (response.headers.get('x-local-address') === address) return { at: performance.timeOrigin + performance.now() }
  }
})
