import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Problem } from './config-store.ts'
import { readConfig } from './file-store.ts'

const file = 'mesh.yaml'
const read = (text: string) => readConfig([{ file, text }])
const short = ({ severity, line, object, field, message }: Problem): string =>
  `${severity} ${line} ${object ?? '-'} ${field ?? '-'}: ${message}`

function virtualService(http: string): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: shop}
spec:
  hosts: [reviews]
  http:
${http.replace(/^/gm, '    ')}
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {selector: {app: reviews}, ports: [{port: 9080, name: http}]}
`
}

const ROUTE = 'route: [{destination: {host: reviews}}]'

describe('a wrong field leaves the object out and is named with its line', () => {
  test.each([
    [
      'a weight that is text',
      `- route:\n    - destination: {host: reviews}\n      weight: "90"`,
      9,
      'route[0].weight',
      'must be a number, not the string ("90")',
    ],
    [
      'a negative weight',
      `- route:\n    - destination: {host: reviews}\n      weight: -1`,
      9,
      'route[0].weight',
      'must be a whole number from 0 to 4294967295',
    ],
    [
      'weights that are all 0',
      `- route:\n    - {destination: {host: reviews}, weight: 0}\n    - {destination: {host: reviews}}`,
      7,
      'route',
      'has several destinations and no weight above 0: give them weights, such as 90 and 10',
    ],
    [
      'a duration without unit',
      `- timeout: "5"\n  ${ROUTE}`,
      7,
      'timeout',
      '"5" is not a duration: write it such as 100ms, 5s or 1h30m',
    ],
    ['a duration that is a number', `- timeout: 5\n  ${ROUTE}`, 7, 'timeout', 'must be a string, not 5'],
    [
      'a duration below a millisecond',
      `- retries: {attempts: 1, backoff: 1us}\n  ${ROUTE}`,
      7,
      'retries.backoff',
      '"1us" must be at least 1ms, in whole milliseconds',
    ],
    [
      'a snake_case field',
      `- ${ROUTE}\n  retries:\n    attempts: 1\n    per_try_timeout: soon`,
      10,
      'retries.perTryTimeout',
      '"soon" is not a duration: write it such as 100ms, 5s or 1h30m',
    ],
    [
      'retries without attempts',
      `- ${ROUTE}\n  retries:\n    retryOn: 5xx`,
      8,
      'retries.attempts',
      'is 0 or missing, which turns retries off: give attempts, or leave the other fields out',
    ],
    [
      'an unknown retry condition',
      `- ${ROUTE}\n  retries: {attempts: 1, retryOn: "5xx,often"}`,
      8,
      'retries.retryOn',
      '"often" is not a condition to retry on',
    ],
    [
      'two actions',
      `- ${ROUTE}\n  redirect: {uri: /}`,
      8,
      'redirect',
      'stands beside route: a route does one of route, redirect, directResponse and delegate',
    ],
    ['no action', `- name: x`, 7, '', 'does nothing: give route, redirect, directResponse or delegate'],
    [
      'a rewrite of a redirect',
      `- redirect: {uri: /}\n  rewrite: {uri: /x}`,
      8,
      'rewrite',
      "can't stand beside redirect: remove it",
    ],
    [
      'two kinds of match',
      `- ${ROUTE}\n  match:\n    - uri: {exact: /a, prefix: /b}`,
      9,
      'match[0].uri',
      'sets exact and prefix: give one of exact, prefix and regex',
    ],
    [
      'a regex that RE2 does not have',
      `- ${ROUTE}\n  match: [{uri: {regex: "(?=a)"}}]`,
      8,
      'match[0].uri.regex',
      /is not a regular expression of RE2/,
    ],
    [
      'a regex that is too long',
      `- ${ROUTE}\n  match: [{uri: {regex: "${'a'.repeat(1025)}"}}]`,
      8,
      'match[0].uri.regex',
      'the regular expression is longer than 1024 bytes',
    ],
    [
      'a redirect code that is none',
      `- redirect: {uri: /, redirectCode: 200}`,
      7,
      'redirect.redirectCode',
      'must be one of 301, 302, 303, 307, 308',
    ],
    [
      'a missing destination',
      `- route:\n    - weight: 1`,
      8,
      'route[0].destination',
      'is missing: it must be an object',
    ],
    [
      'a host that is none',
      `- route: [{destination: {host: "http://reviews"}}]`,
      7,
      'route[0].destination.host',
      '"http://reviews" is not a host name',
    ],
    [
      'a header name that is none',
      `- ${ROUTE}\n  headers: {request: {set: {"a b": c}}}`,
      8,
      'headers.request.set.a b',
      '"a b" is not a header name',
    ],
  ])('%s', (_, http, line, field, message) => {
    const { objects, problems } = read(virtualService(http))
    const [problem] = problems
    expect(problems).toHaveLength(1)
    expect(problem).toMatchObject({ severity: 'error', file, line, object: 'VirtualService shop/reviews' })
    expect(problem?.field).toBe(field === '' ? 'spec.http[0]' : `spec.http[0].${field}`)
    if (typeof message === 'string') expect(problem?.message).toBe(message)
    else expect(problem?.message).toMatch(message)
    expect(objects.map(({ kind }) => kind)).toEqual(['Service'])
  })
})

describe('an unknown field is a warning and the object is used without it', () => {
  test('at the top and deep inside', () => {
    const { objects, problems } = read(
      virtualService(`- ${ROUTE}\n  timeuot: 5s\n  retries:\n    attempts: 2\n    retry_onn: 5xx`),
    )
    expect(problems.map(short)).toEqual([
      'warning 8 VirtualService shop/reviews spec.http[0].timeuot: unknown field "timeuot" is ignored: check its spelling and its place',
      'warning 11 VirtualService shop/reviews spec.http[0].retries.retry_onn: unknown field "retry_onn" is ignored: check its spelling and its place',
    ])
    expect(objects[0]?.spec).toMatchObject({ http: [{ timeout: null, retries: { attempts: 2 } }] })
  })

  test('beside the spec', () => {
    const { objects, problems } = read(
      'apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: a}\nspce: {}\nspec: {}\n',
    )
    expect(problems.map(short)).toEqual([
      'warning 4 WorkloadGroup default/a spce: unknown field "spce" is ignored: check its spelling and its place',
    ])
    expect(objects).toHaveLength(1)
  })
})

test('fields that are valid and not honoured yet are named, and the object is used', () => {
  const { objects, problems } = read(
    virtualService(`- ${ROUTE}\n  mirror: {host: reviews}\n  fault: {abort: {httpStatus: 500}}`),
  )
  expect(problems.map(short)).toEqual([
    'warning 8 VirtualService shop/reviews spec.http[0].mirror: mirror is not honoured yet: it has no effect',
    'warning 9 VirtualService shop/reviews spec.http[0].fault: fault is not honoured yet: it has no effect',
  ])
  expect(objects).toHaveLength(2)
})

test.each([
  [
    'security.istio.io/v1',
    'PeerAuthentication',
    'PeerAuthentication is not honoured yet: the object is listed and has no effect',
  ],
  ['apps/v1', 'Deployment', 'Deployment is not honoured yet: the object is listed and has no effect'],
  ['example.com/v1', 'Thing', 'the kind Thing of example.com/v1 is unknown: it has no effect'],
])('%s %s is listed with one warning', (apiVersion, kind, message) => {
  const { objects, problems } = read(`apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\nspec: {x: 1}\n`)
  expect(problems.map(short)).toEqual([`warning 2 ${kind} default/a kind: ${message}`])
  expect(objects).toHaveLength(1)
})

test.each(['v1', 'v1beta1', 'v1alpha3'])('networking.istio.io/%s is served', (version) => {
  const { objects, problems } = read(
    virtualService(`- ${ROUTE}`).replace('networking.istio.io/v1', `networking.istio.io/${version}`),
  )
  expect(problems).toEqual([])
  expect(objects).toHaveLength(2)
})

test.each([
  [
    'kind: Service\nmetadata: {name: a}',
    'error 1 - -: has no apiVersion: every object needs apiVersion, kind and metadata.name',
  ],
  ['apiVersion: v1\nkind: Service', 'error 1 Service metadata.name: metadata.name is missing: give the object a name'],
  [
    'apiVersion: networking.istio.io/v2\nkind: VirtualService\nmetadata: {name: a}',
    'error 1 VirtualService default/a apiVersion: networking.istio.io/v2 has no VirtualService: use networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3',
  ],
  ['- 1', 'error 1 - -: is not an object: give apiVersion, kind and metadata'],
])('an object that is not one: %j', (text, expected) => {
  const { objects, problems } = read(text)
  expect(problems.map(short)).toEqual([expected])
  expect(objects).toEqual([])
})

test('an object that is there twice: the first counts, and the problem names both places', () => {
  const service = (port: number): string =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: ${port}}]}\n`
  const { objects, problems } = readConfig([
    { file: 'a.yaml', text: service(1) },
    { file: 'b.yaml', text: `---\n# the second\n---\n${service(2)}` },
  ])
  expect(objects.map(({ spec }) => spec)).toMatchObject([{ ports: [{ port: 1 }] }])
  expect(problems).toEqual([
    {
      severity: 'error',
      file: 'b.yaml',
      line: 4,
      object: 'Service default/a',
      field: null,
      message: 'is there twice: the one at a.yaml:1 counts, this one does not: remove or rename it',
    },
  ])
})

test('the items of a List are objects with lines of their own', () => {
  const { objects, problems } = read(`apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: {name: a}
    spec: {ports: [{port: 80}]}
  - apiVersion: v1
    kind: Service
    metadata: {name: b}
    spec:
      ports:
        - port: 0
`)
  expect(objects.map(({ name }) => name)).toEqual(['a'])
  expect(problems.map(short)).toEqual([
    'error 13 Service default/b spec.ports[0].port: must be a whole number from 1 to 65535',
  ])
})

test('a JSON file is read as YAML is', () => {
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'a' },
    spec: { ports: [{ port: 80, prot: 1 }] },
  }
  const { objects, problems } = readConfig([{ file: 'a.json', text: JSON.stringify(object, null, 2) }])
  expect(objects).toHaveLength(1)
  expect(problems.map(short)).toEqual([
    'warning 11 Service default/a spec.ports[0].prot: unknown field "prot" is ignored: check its spelling and its place',
  ])
})

test('the ConfigMap istio is the mesh configuration, with lines of the file', () => {
  const { objects, problems } = read(`apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {}
    accesslogEncoding: JSON
    defaultConfig:
      discoveryAddress: istiod:15012
      tracing: {sampling: 50}
    enableAutoMtls: false
`)
  expect(objects[0]?.spec).toMatchObject({
    accessLogFile: '/dev/stdout',
    outboundTrafficPolicy: 'REGISTRY_ONLY',
    tracingSampling: 50,
  })
  expect(problems.map(short)).toEqual([
    'warning 8 ConfigMap istio-system/istio accesslogEncoding: unknown field "accesslogEncoding" is ignored: check its spelling and its place',
    'warning 12 ConfigMap istio-system/istio enableAutoMtls: enableAutoMtls is not honoured yet: it has no effect',
  ])
})

test('a MeshConfig may have its fields in spec or beside its kind', () => {
  for (const text of ['accessLogFile: /x', 'spec: {accessLogFile: /x}']) {
    const { objects, problems } = read(`apiVersion: mesh.istio.io/v1alpha1\nkind: MeshConfig\n${text}\n`)
    expect(problems).toEqual([])
    expect(objects[0]?.spec).toMatchObject({ accessLogFile: '/x', trustDomain: 'cluster.local' })
  }
})

test('destinations that lead nowhere are warnings', () => {
  const { objects, problems } = read(
    virtualService(`- match: [{uri: {prefix: /a}}]
  route: [{destination: {host: missing}}]
- match: [{uri: {prefix: /b}}]
  route: [{destination: {host: reviews, subset: v9}}]
- route: [{destination: {host: reviews, port: {number: 1}}}]`),
  )
  expect(objects).toHaveLength(2)
  expect(problems.map(short)).toEqual([
    'warning 8 VirtualService shop/reviews spec.http[0].route[0].destination.host: no Service or ServiceEntry has the host missing.shop.svc.cluster.local: its requests get 503 until there is one',
    'warning 10 VirtualService shop/reviews spec.http[1].route[0].destination.subset: no DestinationRule for reviews.shop.svc.cluster.local has the subset "v9": its requests get 503 until one has',
    'warning 11 VirtualService shop/reviews spec.http[2].route[0].destination.port: reviews.shop.svc.cluster.local has no port 1: its requests get 503',
  ])
})

test('a syntax error spoils the whole file, with its line', () => {
  const { objects, problems } = read(`${virtualService(`- ${ROUTE}`)}---\nspec: {a: [1, 2\n`)
  expect(objects).toEqual([])
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatchObject({ severity: 'error', file, object: null, field: null })
  expect(problems[0]?.message).toMatch(/^is not valid YAML: /)
  expect(problems[0]?.line).toBeGreaterThanOrEqual(15)
})

test('an anchor inside itself is refused', () => {
  const { objects, problems } = read('apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: &a {b: *a}\n')
  expect(objects).toEqual([])
  expect(problems[0]).toMatchObject({ severity: 'error', object: null })
})

test('a bomb of aliases is refused', () => {
  const lines = ['a0: &a0 [x, x]']
  for (let i = 1; i < 12; i++) lines.push(`a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]`)
  const { objects, problems } = read(lines.join('\n'))
  expect(objects).toEqual([])
  expect(problems[0]?.message).toMatch(/alias/i)
})

test('no text makes it throw', () => {
  const yaml = fc.string({
    unit: fc.constantFrom(
      'a',
      ':',
      ' ',
      '\n',
      '-',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&',
      '*',
      '|',
      '#',
      '!',
      '\t',
      '?',
      ',',
      '%',
      '0',
    ),
  })
  fc.assert(
    fc.property(yaml, (text) => {
      read(text)
    }),
  )
  const json = fc.object({
    key: fc.constantFrom('apiVersion', 'kind', 'metadata', 'spec', 'http', 'route', '__proto__'),
    maxDepth: 4,
  })
  fc.assert(
    fc.property(
      json,
      fc.constantFrom('VirtualService', 'DestinationRule', 'ServiceEntry', 'WorkloadEntry'),
      (body, kind) => {
        read(JSON.stringify({ ...body, apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'a' } }))
      },
    ),
  )
})
