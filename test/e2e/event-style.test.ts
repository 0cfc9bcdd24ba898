// One service is a bare node:http server that reads its body by events and calls on with fetch at the end: trace and
// abort hold in it, under every supported version of Node.
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Machine, type ServiceProcess } from '../../examples/shop/machine.ts'
import { describeWithPeer } from '../interop/peers.ts'

const services = join(import.meta.dirname, 'services')

function suite(node: string): void {
  let machine: Machine
  let front: ServiceProcess
  const output: string[] = []

  beforeAll(async () => {
    machine = new Machine({
      config: join(import.meta.dirname, 'mesh'),
      node,
      onOutput: (name, text) => output.push(`[${name}] ${text}`),
    })
    await machine.startAgent()
    await machine.startService({ name: 'echo', group: 'echo', namespace: 'test', file: join(services, 'echo.ts') })
    front = await machine.startService({
      name: 'front',
      group: 'front',
      namespace: 'test',
      file: join(services, 'event-style.ts'),
    })
  }, 60_000)
  afterAll(() => machine?.stop())

  const call = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://${front.address}:8000${path}`, init)

  test('the trace of the caller goes on to the upstream, with a span of its own', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    const response = await call('/echo', {
      method: 'POST',
      body: 'hello',
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, 'x-request-id': 'my-request' },
    })
    const seen = (await response.json()) as { headers: Record<string, string>; body: string }
    expect(seen.body).toBe('hello')
    expect(seen.headers['traceparent']).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    expect(seen.headers['traceparent']).not.toContain('00f067aa0ba902b7')
    expect(seen.headers['x-request-id']).toBe('my-request')
    expect(seen.headers['x-envoy-peer-metadata']).toBeUndefined()
  })

  test('requests that overlap keep their own traces', async () => {
    const ids = Array.from({ length: 50 }, (_, i) => (i + 1).toString(16).padStart(32, '0'))
    const seen = await Promise.all(
      ids.map(async (id) => {
        const response = await call('/echo', {
          method: 'POST',
          body: id,
          headers: { traceparent: `00-${id}-00f067aa0ba902b7-01` },
        })
        return (await response.json()) as { headers: Record<string, string>; body: string }
      }),
    )
    for (const { headers, body } of seen) expect(headers['traceparent']?.slice(3, 35)).toBe(body)
  })

  test('a caller that goes away takes the upstream call with it', async () => {
    const abort = new AbortController()
    const pending = call('/hang-1', { method: 'POST', body: 'x', signal: abort.signal }).catch(
      (error: Error) => error.name,
    )
    await expect.poll(() => output.join('')).toContain('hanging /hang-1')
    abort.abort()
    expect(await pending).toBe('AbortError')
    await expect.poll(() => output.join('')).toContain('gone /hang-1')
  })

  test('both sides count the request, and each knows the other', async () => {
    await call('/echo', { method: 'POST', body: 'x' }).then((r) => r.text())
    const metrics = await fetch(`http://${front.admin}/stats/prometheus`).then((r) => r.text())
    const line = metrics
      .split('\n')
      .find(
        (l) => l.startsWith('istio_requests_total{reporter="source"') && l.includes('destination_service_name="echo"'),
      )
    expect(line).toContain('source_workload="front"')
    expect(line).toContain('destination_workload="echo"')
    expect(line).toContain('destination_service="echo.test.svc.cluster.local"')
    expect(line).toContain('response_code="200"')
    expect(line).toContain('connection_security_policy="unknown"')
  })
}

describe(`on Node ${process.versions.node}`, () => suite(process.execPath))
describeWithPeer('node24', 'on Node 24', suite)
describeWithPeer('node22', 'on Node 22', suite)
