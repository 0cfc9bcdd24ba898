import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type MeshOptions, resolveOptions } from './options.ts'
import { MeshError } from './runtime/errors.ts'

const host = { hostName: 'laptop', addresses: ['192.168.1.4', 'fd00::4'] }
const resolve = (options: MeshOptions = {}, env: Record<string, string> = {}) => resolveOptions(options, env, host)

function refused(options: unknown, env: Record<string, string> = {}): MeshError {
  try {
    resolve(options as MeshOptions, env)
  } catch (error) {
    return error as MeshError
  }
  throw new Error('was accepted')
}

describe('options', () => {
  it('have the defaults of the contract', () => {
    expect(resolve()).toEqual({
      disabled: false,
      xds: 'unix:///run/inmesh/xds.sock',
      xdsVariant: 'delta',
      discovery: 'auto',
      workload: {
        name: 'laptop',
        namespace: 'default',
        labels: {},
        serviceAccount: 'default',
        ips: ['192.168.1.4'],
        trustDomain: 'cluster.local',
        clusterId: 'Kubernetes',
        group: null,
        metadata: {},
      },
      state: null,
      bootstrap: 'cache',
      waitMs: 5000,
      admin: null,
      testSeed: null,
    })
    expect(resolveOptions({}, {}, { hostName: 'h', addresses: [] }).workload.ips).toEqual(['127.0.0.1'])
  })

  const pairs: [
    string,
    (value: string) => MeshOptions,
    string,
    string,
    string,
    (o: ReturnType<typeof resolve>) => unknown,
  ][] = [
    ['xds', (xds) => ({ xds }), 'INMESH_XDS', 'unix:///a', 'b:1', (o) => o.xds],
    [
      'discovery',
      (v) => ({ discovery: v as 'sidecar' }),
      'INMESH_DISCOVERY',
      'sidecar',
      'on-demand',
      (o) => o.discovery,
    ],
    ['workload.name', (name) => ({ workload: { name } }), 'POD_NAME', 'a', 'b', (o) => o.workload.name],
    [
      'workload.namespace',
      (namespace) => ({ workload: { namespace } }),
      'POD_NAMESPACE',
      'a',
      'b',
      (o) => o.workload.namespace,
    ],
    [
      'workload.serviceAccount',
      (serviceAccount) => ({ workload: { serviceAccount } }),
      'SERVICE_ACCOUNT',
      'a',
      'b',
      (o) => o.workload.serviceAccount,
    ],
    ['workload.ip', (ip) => ({ workload: { ip } }), 'INSTANCE_IP', '127.0.0.2', '::1', (o) => o.workload.ips[0]],
    ['group', (group) => ({ group }), 'ISTIO_META_AUTO_REGISTER_GROUP', 'a', 'b', (o) => o.workload.group],
    ['trustDomain', (trustDomain) => ({ trustDomain }), 'TRUST_DOMAIN', 'a.b', 'c_d', (o) => o.workload.trustDomain],
    ['state', (state) => ({ state }), 'INMESH_STATE_DIR', '/a', '/b', (o) => o.state],
    ['bootstrap', (v) => ({ bootstrap: v as 'wait' }), 'INMESH_BOOTSTRAP', 'wait', 'bypass', (o) => o.bootstrap],
    ['xdsVariant', (v) => ({ xdsVariant: v as 'sotw' }), 'INMESH_XDS_VARIANT', 'sotw', 'delta', (o) => o.xdsVariant],
  ]
  it.each(pairs)(
    '%s comes from the option, else from the environment; an empty variable is none',
    (_, option, variable, a, b, read) => {
      expect(read(resolve({}, { [variable]: a }))).toBe(a)
      expect(read(resolve(option(b), { [variable]: a }))).toBe(b)
      expect(read(resolve({}, { [variable]: '' }))).toBe(read(resolve()))
    },
  )

  it('reads labels from JSON, and an option wins', () => {
    const env = { ISTIO_META_LABELS: '{"app":"reviews","version":"v1"}' }
    expect(resolve({}, env).workload.labels).toEqual({ app: 'reviews', version: 'v1' })
    expect(resolve({ workload: { labels: { app: 'a' } } }, env).workload.labels).toEqual({ app: 'a' })
  })

  it.each([
    ['5s', 5000],
    ['500ms', 500],
    ['1m', 60_000],
    ['0.5s', 500],
    ['2', 2000],
    ['0', 0],
  ])('INMESH_WAIT=%s is %d ms', (text, ms) => {
    expect(resolve({}, { INMESH_WAIT: text }).waitMs).toBe(ms)
    expect(resolve({ waitMs: 7 }, { INMESH_WAIT: text }).waitMs).toBe(7)
  })

  it.each([
    ['127.0.0.1:15000', { host: '127.0.0.1', port: 15_000 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('admin %s is taken apart', (admin, expected) => {
    expect(resolve({ admin }).admin).toEqual(expected)
    expect(resolve({}, { INMESH_ADMIN: admin }).admin).toEqual(expected)
  })

  it.each([
    ['1', true],
    ['true', true],
    ['0', false],
    ['false', false],
    ['', false],
  ])('INMESH_DISABLED=%s is %s', (text, disabled) => {
    expect(resolve({}, { INMESH_DISABLED: text }).disabled).toBe(disabled)
  })

  it('takes a seed of 32 bits', () => {
    expect(resolve({}, { INMESH_TEST_SEED: '42' }).testSeed).toBe(42)
    expect(resolve({ testSeed: 0 }, { INMESH_TEST_SEED: '42' }).testSeed).toBe(0)
  })

  it('gives ISTIO_META_* on as metadata, without what is an option itself', () => {
    const env = {
      ISTIO_META_NODE_NAME: 'n',
      ISTIO_META_CLUSTER_ID: 'c2',
      ISTIO_META_LABELS: '{}',
      ISTIO_META_AUTO_REGISTER_GROUP: 'g',
      ISTIO_META_: 'x',
    }
    const { workload } = resolve({}, env)
    expect(workload.metadata).toEqual({ NODE_NAME: 'n' })
    expect(workload.clusterId).toBe('c2')
  })

  it.each([
    [{ xds: 'http://x:1' }, {}, 'option xds', 'http://x:1', 'unix:///path or host:port'],
    [{ xds: 'x:99999' }, {}, 'option xds', 'x:99999', 'host:port'],
    [{ xds: '' }, {}, 'option xds', '""', 'host:port'],
    [{ xds: 5 }, {}, 'option xds', '5', 'host:port'],
    [{}, { INMESH_XDS: 'unix:relative' }, 'environment variable INMESH_XDS', 'unix:relative', 'unix:///path'],
    [{}, { INMESH_DISCOVERY: 'istio' }, 'INMESH_DISCOVERY', 'istio', 'auto, on-demand, sidecar'],
    [{ bootstrap: 'none' }, {}, 'option bootstrap', 'none', 'cache, wait, bypass'],
    [{}, { INMESH_XDS_VARIANT: 'x' }, 'INMESH_XDS_VARIANT', 'x', 'delta, sotw'],
    [{}, { POD_NAME: 'a~b' }, 'POD_NAME', 'a~b', 'a name'],
    [{ workload: { namespace: 'A' } }, {}, 'option workload.namespace', 'A', 'a DNS label'],
    [{}, { INSTANCE_IP: '10.0.0' }, 'INSTANCE_IP', '10.0.0', 'an IPv4 or IPv6 address'],
    [{}, { TRUST_DOMAIN: 'a/b' }, 'TRUST_DOMAIN', 'a/b', 'letters'],
    [{}, { ISTIO_META_LABELS: '{' }, 'ISTIO_META_LABELS', '{', 'a JSON object'],
    [{}, { ISTIO_META_LABELS: '{"a":1}' }, 'ISTIO_META_LABELS', '1', 'values are strings'],
    [{ workload: { labels: ['a'] } }, {}, 'option workload.labels', 'a', 'a JSON object'],
    [{}, { INMESH_WAIT: '5 s' }, 'INMESH_WAIT', '5 s', 'a duration such as 5s'],
    [{ waitMs: -1 }, {}, 'option waitMs', '-1', 'milliseconds'],
    [{}, { INMESH_ADMIN: '15000' }, 'INMESH_ADMIN', '15000', 'HOST:PORT'],
    [{ admin: 'h:70000' }, {}, 'option admin', 'h:70000', 'HOST:PORT'],
    [{}, { INMESH_DISABLED: 'yes' }, 'INMESH_DISABLED', 'yes', '1, true, 0, false'],
    [{}, { INMESH_TEST_SEED: 'x' }, 'INMESH_TEST_SEED', 'x', 'a whole number'],
    [{ testSeed: 1.5 }, {}, 'option testSeed', '1.5', 'a whole number'],
  ])('refuses %j with %j and names it, the value and what is allowed', (options, env, from, value, allowed) => {
    const error = refused(options, env as Record<string, string>)
    expect(error).toBeInstanceOf(MeshError)
    expect(error.code).toBe('MESH_OPTION_INVALID')
    for (const part of [from, value, allowed]) expect(error.message).toContain(part)
    expect(error.hint).not.toBeNull()
  })

  it('answers any environment with options or with MESH_OPTION_INVALID', () => {
    const variables = [
      'INMESH_XDS',
      'INMESH_WAIT',
      'INMESH_ADMIN',
      'ISTIO_META_LABELS',
      'INSTANCE_IP',
      'INMESH_TEST_SEED',
      'POD_NAME',
    ] as const
    fc.assert(
      fc.property(fc.constantFrom(...variables), fc.oneof(fc.string(), fc.json()), (variable, text) => {
        try {
          resolve({}, { [variable]: text })
        } catch (error) {
          expect((error as MeshError).code).toBe('MESH_OPTION_INVALID')
        }
      }),
    )
  })
})
