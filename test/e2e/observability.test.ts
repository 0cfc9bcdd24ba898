// What an operator sees of a call between two services: Istio's metrics of both reporters, Istio's access log, and an answer
// for a host that the mesh does not allow.
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Machine, type ServiceProcess } from '../../examples/shop/machine.ts'

const services = join(import.meta.dirname, 'services')
const output: string[] = []
let machine: Machine
let front: ServiceProcess
let echo: ServiceProcess

beforeAll(async () => {
  machine = new Machine({
    config: join(import.meta.dirname, 'observed'),
    onOutput: (name, text) => output.push(...text.split('\n').map((line) => `${name} ${line}`)),
  })
  await machine.startAgent()
  echo = await machine.startService({
    name: 'echo',
    group: 'echo',
    labels: { app: 'echo', version: 'v1' },
    namespace: 'test',
    file: join(services, 'echo.ts'),
  })
  front = await machine.startService({
    name: 'front',
    group: 'front',
    labels: { app: 'front', version: 'v1' },
    namespace: 'test',
    file: join(services, 'event-style.ts'),
  })
  await (
    await fetch(`http://${front.address}:8000/seen?a=b`, {
      method: 'POST',
      body: 'hello',
      headers: { 'x-request-id': 'the-request' },
    })
  ).text()
}, 60_000)
afterAll(() => machine?.stop())

/** Labels of the series of istio_requests_total with this reporter and code. */
async function requestLabels(service: ServiceProcess, reporter: string): Promise<Record<string, string>[]> {
  const text = await (await fetch(`http://${service.admin}/stats/prometheus`)).text()
  return text
    .split('\n')
    .filter((line) => line.startsWith(`istio_requests_total{reporter="${reporter}"`))
    .map((line) => Object.fromEntries([...line.matchAll(/([a-z_]+)="([^"]*)"/g)].map((match) => [match[1], match[2]])))
}

test('the caller reports the request with both workloads and the service', async () => {
  expect(await requestLabels(front, 'source')).toContainEqual(
    expect.objectContaining({
      source_workload: 'front',
      source_workload_namespace: 'test',
      source_canonical_service: 'front',
      source_cluster: 'Kubernetes',
      destination_workload: 'echo',
      destination_canonical_service: 'echo',
      destination_canonical_revision: 'v1',
      destination_service: 'echo.test.svc.cluster.local',
      destination_service_name: 'echo',
      destination_service_namespace: 'test',
      request_protocol: 'http',
      response_code: '200',
      response_flags: '-',
      connection_security_policy: 'unknown',
    }),
  )
})

test('the called one reports it too, and knows who called', async () => {
  expect(await requestLabels(echo, 'destination')).toContainEqual(
    expect.objectContaining({
      source_workload: 'front',
      source_canonical_revision: 'v1',
      destination_workload: 'echo',
      destination_service: 'echo.test.svc.cluster.local',
      response_code: '200',
      connection_security_policy: 'none',
    }),
  )
})

test('duration and sizes are histograms of the same labels', async () => {
  const text = await (await fetch(`http://${front.admin}/stats/prometheus`)).text()
  const series = (name: string): string[] =>
    text
      .split('\n')
      .filter(
        (line) =>
          line.startsWith(name) && line.includes('reporter="source"') && line.includes('destination_workload="echo"'),
      )
  for (const name of ['istio_request_duration_milliseconds', 'istio_request_bytes', 'istio_response_bytes']) {
    expect(series(`${name}_bucket{le="+Inf"`)).toEqual([expect.stringMatching(/ [1-9]\d*$/)])
    expect(series(`${name}_count`)).toHaveLength(1)
    expect(series(`${name}_sum`)).toHaveLength(1)
  }
})

test("both write Istio's access log, and the request id is the same", async () => {
  const line = (name: string): string | undefined =>
    output.find((text) => text.startsWith(`${name} [`) && text.includes('"POST /seen?a=b HTTP/1.1" 200'))
  await expect.poll(() => line('echo')).toBeDefined()
  const outbound = output.find(
    (text) => text.startsWith('front [') && text.includes('outbound|9000||echo.test.svc.cluster.local'),
  )
  expect(outbound).toContain('"POST /seen?a=b HTTP/1.1" 200 - via_upstream')
  expect(outbound).toContain('"the-request"')
  expect(outbound).toContain(`"${echo.address}:9000"`)
  expect(line('echo')).toContain('"the-request"')
})

test('a host that the mesh does not know is answered with 502 where only known ones are allowed', async () => {
  const response = await fetch(`http://${front.address}:8000/`, { method: 'POST', body: 'x' })
  expect(response.status).toBe(200)
  const caller = await machine.startService({
    name: 'caller',
    namespace: 'test',
    file: join(services, 'call.ts'),
    env: { URL: 'http://unknown.example.com/' },
  })
  await expect.poll(() => output.find((line) => line.startsWith('caller status'))).toBe('caller status 502')
  expect(await requestLabels(caller, 'source')).toContainEqual(
    expect.objectContaining({ destination_service_name: 'BlackHoleCluster', response_code: '502' }),
  )
})
