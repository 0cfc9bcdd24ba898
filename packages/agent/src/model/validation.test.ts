import { describe, expect, test } from 'vitest'
import { readConfig } from '../ingest/file-store.ts'

function problemsOf(apiVersion: string, kind: string, spec: string): string[] {
  const text = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: ${spec}\n`
  return readConfig([{ file: 'a.yaml', text }]).problems.map(
    ({ severity, field, message }) => `${severity} ${field ?? ''}: ${message}`,
  )
}

const NETWORKING = 'networking.istio.io/v1'

describe('a VirtualService', () => {
  const route = 'http: [{route: [{destination: {host: x.y}}]}]'
  const dangling = expect.stringContaining('no Service or ServiceEntry has the host x.y') as string
  test.each([
    [
      `{hosts: ["*"], ${route}}`,
      ['error spec.hosts[0]: can\'t be "*" inside the mesh: name the hosts, or give gateways without mesh'],
    ],
    [
      `{hosts: ["*.a.com", b.a.com], ${route}}`,
      ['error spec.hosts[1]: "b.a.com" overlaps with "*.a.com": remove one of them'],
    ],
    ['{hosts: [a.com]}', ['error spec.http: is missing: give routes under http, tls or tcp']],
    ['{hosts: [a.com], tcp: [{route: []}]}', ['warning spec.tcp: tcp is not honoured yet: it has no effect']],
    [`{hosts: [a.com], ${route}}`, [dangling]],
  ])('%s', (spec, expected) => {
    expect(problemsOf(NETWORKING, 'VirtualService', spec)).toEqual(expected)
  })
})

describe('a DestinationRule', () => {
  test.each([
    [
      '{host: a, subsets: [{name: v1}, {name: v1}]}',
      ['error spec.subsets[1].name: "v1" is there twice: rename or remove one'],
    ],
    ['{trafficPolicy: {}}', ['error spec.host: is missing: it must be a string']],
    [
      '{host: a, trafficPolicy: {loadBalancer: {simple: BEST}}}',
      [
        expect.stringMatching(
          /^error spec\.trafficPolicy\.loadBalancer\.simple: must be one of .*ROUND_ROBIN/,
        ) as string,
      ],
    ],
    [
      '{host: a, trafficPolicy: {connectionPool: {}}}',
      ['error spec.trafficPolicy.connectionPool: is empty: give tcp or http, or remove it'],
    ],
    [
      '{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}}',
      ['error spec.trafficPolicy.outlierDetection.maxEjectionPercent: must be a whole number from 0 to 100'],
    ],
    [
      '{host: a, trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 1}}}',
      [
        'error spec.trafficPolicy.outlierDetection.consecutiveLocalOriginFailures: needs splitExternalLocalOriginErrors: true',
      ],
    ],
    [
      '{host: a, trafficPolicy: {outlierDetection: {consecutiveErrors: 7}}}',
      [
        'warning spec.trafficPolicy.outlierDetection.consecutiveErrors: consecutiveErrors has no effect in Istio any more: use consecutive5xxErrors',
      ],
    ],
    [
      '{host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}',
      ['warning spec.trafficPolicy.tls: tls is not honoured yet: it has no effect'],
    ],
    [
      '{host: a, subsets: [{name: v1, trafficPolicy: {portLevelSettings: [{port: {number: 80}, loadBalancer: {consistentHash: {}}}]}}]}',
      [
        'warning spec.subsets[0].trafficPolicy.portLevelSettings[0].loadBalancer.consistentHash: consistentHash is not honoured yet: it has no effect',
      ],
    ],
    ['{host: a, trafficPolicy: {outlierDetection: {}, loadBalancer: {simple: LEAST_CONN}}}', []],
  ])('%s', (spec, expected) => {
    expect(problemsOf(NETWORKING, 'DestinationRule', spec)).toEqual(expected)
  })
})

describe('a ServiceEntry', () => {
  const port = 'ports: [{number: 80, name: http, protocol: HTTP}]'
  test.each([
    [`{${port}}`, ['error spec.hosts: is missing: name the hosts of the service']],
    [
      '{hosts: [a.com], ports: [{number: 80, name: x, protocol: SPDY}]}',
      ['error spec.ports[0].protocol: "SPDY" is not a protocol: use HTTP, HTTPS, HTTP2, GRPC, TLS, TCP or MONGO'],
    ],
    [
      '{hosts: [a.com], ports: [{number: 80, name: a}, {number: 80, name: b}]}',
      ['error spec.ports[1]: repeats the number or name of ports[0]: both must differ'],
    ],
    [
      `{hosts: [a.com], ${port}, endpoints: [{address: 10.0.0.1}]}`,
      ['error spec.resolution: is NONE, which has no endpoints: use STATIC or DNS'],
    ],
    [
      `{hosts: [a.com], ${port}, resolution: STATIC, endpoints: [{address: b.com}]}`,
      ['error spec.endpoints[0].address: "b.com" is not an IP address: resolution STATIC needs one, DNS takes names'],
    ],
    [
      `{hosts: ["*.a.com"], ${port}, resolution: DNS}`,
      ['error spec.hosts[0]: is a wildcard, which has no address to look up: give endpoints'],
    ],
    [
      `{hosts: [a.com], ${port}, resolution: STATIC, endpoints: [{address: 10.0.0.1, ports: {web: 1}}]}`,
      ['error spec.endpoints[0].ports.web: "web" is not the name of a port of this service'],
    ],
    [`{hosts: [a.com], ${port}, resolution: DNS}`, []],
  ])('%s', (spec, expected) => {
    expect(problemsOf(NETWORKING, 'ServiceEntry', spec)).toEqual(expected)
  })
})

describe('a Service', () => {
  test.each([
    ['{selector: {app: a}}', ['error spec.ports: is missing: give the ports of the service']],
    [
      '{ports: [{port: 80}, {port: 81}]}',
      ['error spec.ports[1]: has no name beside another port: give each port a name of its own'],
    ],
    [
      '{ports: [{port: 80, targetPort: 0}]}',
      ['error spec.ports[0].targetPort: must be a port number, or the name of a port'],
    ],
    [
      '{selectr: {app: a}, ports: [{port: 80}]}',
      ['warning spec.selectr: unknown field "selectr" is ignored: check its spelling and its place'],
    ],
    ['{sessionAffinity: None, ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]}', []],
  ])('%s', (spec, expected) => {
    expect(problemsOf('v1', 'Service', spec)).toEqual(expected)
  })
})
