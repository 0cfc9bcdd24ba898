import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import type { FilterRuntime, HttpFilter, HttpFilterFactory } from '../exchange/http-filter.ts'
import type { HttpFilterConfig } from '../resources/listener.ts'
import { silentLogger } from '../runtime/log.ts'
import { seededRandom } from '../runtime/random.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { type BuiltInFilters, builtInsOf, HttpFilterRegistry } from './registry.ts'

const runtime: FilterRuntime = { clock: new FakeClock(), random: seededRandom(1), log: silentLogger }
const builtIns: BuiltInFilters = { stats: { name: 'stats' }, peerMetadata: { name: 'peer metadata' } }

function entry(name: string, typeUrl: string, more: Partial<HttpFilterConfig> = {}): HttpFilterConfig {
  return { name, typeUrl, value: new Uint8Array(), isOptional: false, disabled: false, ...more }
}

function typedStruct(name: string, inner: string, outer = 'udpa.type.v1.TypedStruct'): HttpFilterConfig {
  const value = new BinaryWriter()
    .tag(2, WireType.LengthDelimited)
    .bytes(new Uint8Array())
    .tag(1, WireType.LengthDelimited)
    .string(inner)
    .finish()
  return entry(name, outer, { value })
}

const RBAC = 'envoy.extensions.filters.http.rbac.v3.RBAC'
const FAULT = 'envoy.extensions.filters.http.fault.v3.HTTPFault'

/** Takes its value's first byte as its configuration; 0 has nothing to do, 255 is invalid. */
const byteFactory: HttpFilterFactory<unknown> = {
  typeUrls: ['test.Byte'],
  decode: ({ value }) =>
    value[0] === 255
      ? { ok: false, errors: ['first', 'second'] }
      : { ok: true, config: value[0] ?? 0, warnings: value[0] === 7 ? ['seven'] : [] },
  create: (config): HttpFilter | null => (config === 0 ? null : { name: `byte ${config as number}` }),
}
const registry = new HttpFilterRegistry([byteFactory])

describe('http_filters', () => {
  test.each([
    ['rbac', RBAC],
    ['jwt', 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'],
    ['ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz'],
    ['istio_authn', 'istio.envoy.config.filter.http.authn.v2alpha1.FilterConfig'],
  ])('security that cannot be honoured is refused by name, optional or not: %s', (name, typeUrl) => {
    for (const isOptional of [false, true]) {
      const { errors, filters } = registry.decodeAll([entry(name, typeUrl, { isOptional })])
      expect(errors).toEqual([`http filter "${name}" (${typeUrl}) enforces security and cannot be honoured yet`])
      expect(filters).toEqual([])
    }
  })

  test('an unknown filter is refused unless it is optional', () => {
    expect(registry.decodeAll([entry('x', 'acme.X')]).errors).toEqual(['http filter "x" (acme.X) is not known'])
    const optional = registry.decodeAll([entry('x', 'acme.X', { isOptional: true })])
    expect(optional.errors).toEqual([])
    expect(optional.warnings).toHaveLength(1)
  })

  test.each([
    FAULT,
    'envoy.extensions.filters.http.cors.v3.Cors',
    'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
    'envoy.extensions.filters.http.grpc_stats.v3.FilterConfig',
    'istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig',
  ])('%s is passed over with a warning', (typeUrl) => {
    const { errors, warnings, filters } = registry.decodeAll([entry('f', typeUrl)])
    expect(errors).toEqual([])
    expect(warnings).toEqual([`http filter "f" (${typeUrl}) is not honoured yet`])
    expect(filters).toEqual([])
  })

  test('the router is no filter', () => {
    const decoded = registry.decodeAll([entry('router', 'envoy.extensions.filters.http.router.v3.Router')])
    expect(decoded).toMatchObject({ filters: [], warnings: [], errors: [] })
  })

  test('every reason is given at once', () => {
    const { errors } = registry.decodeAll([
      entry('a', RBAC),
      entry('b', 'test.Byte', { value: Uint8Array.of(255) }),
      entry('c', 'acme.X'),
    ])
    expect(errors).toHaveLength(4)
    expect(errors[1]).toBe('http filter "b": first')
  })

  test("Istio's own entries are our built-ins, in their places, with their slots", () => {
    const decoded = registry.decodeAll([
      typedStruct('istio.metadata_exchange', 'type.googleapis.com/io.istio.http.peer_metadata.Config'),
      entry('fault', FAULT),
      entry('byte', 'test.Byte', { value: Uint8Array.of(7) }),
      entry('istio.stats', 'stats.PluginConfig'),
    ])
    expect(decoded.errors).toEqual([])
    expect(decoded.warnings).toContain('http filter "byte": seven')
    expect(decoded.names).toEqual(['istio.metadata_exchange', 'fault', 'byte', 'istio.stats'])
    expect(decoded.filters.map(({ name, slot }) => [name, slot])).toEqual([
      ['istio.metadata_exchange', 0],
      ['byte', 2],
      ['istio.stats', 3],
    ])
    expect(builtInsOf(decoded)).toEqual(new Set(['peerMetadata', 'stats']))
    expect(registry.create(decoded.filters, builtIns, runtime).map(({ name }) => name)).toEqual([
      'peer metadata',
      'byte 7',
      'stats',
    ])
  })

  test.each(['udpa.type.v1.TypedStruct', 'xds.type.v3.TypedStruct'])('%s is judged by what is in it', (outer) => {
    expect(
      registry.decodeAll([typedStruct('s', 'type.googleapis.com/stats.PluginConfig', outer)]).filters,
    ).toHaveLength(1)
    expect(registry.decodeAll([typedStruct('s', `type.googleapis.com/${RBAC}`, outer)]).errors).toHaveLength(1)
    const broken = entry('s', outer, { value: Uint8Array.of(0x0a, 0xff) })
    expect(registry.decodeAll([broken]).errors).toEqual([`http filter "s" (${outer}) is not known`])
  })

  test('a filter with nothing to do is not built', () => {
    const decoded = registry.decodeAll([entry('byte', 'test.Byte', { value: Uint8Array.of(0) })])
    expect(decoded.filters).toHaveLength(1)
    expect(registry.create(decoded.filters, builtIns, runtime)).toEqual([])
  })

  test('a disabled filter is left out, with a warning', () => {
    const decoded = registry.decodeAll([entry('rbac', RBAC, { disabled: true })])
    expect(decoded).toMatchObject({ filters: [], errors: [] })
    expect(decoded.warnings).toHaveLength(1)
  })
})

describe('route overrides', () => {
  const decoded = registry.decodeAll([
    entry('byte', 'test.Byte'),
    entry('fault', FAULT),
    entry('rbac', RBAC, { disabled: true }),
    entry('istio.stats', 'stats.PluginConfig'),
  ])

  test('are decoded by the filter that they override', () => {
    const config = entry('byte', 'test.Byte', { value: Uint8Array.of(9) })
    expect(registry.decodeOverride(decoded, 0, config)).toEqual({ ok: true, config: 9, warnings: [] })
    const wrong = entry('byte', 'test.Byte', { value: Uint8Array.of(255) })
    expect(registry.decodeOverride(decoded, 0, wrong)).toMatchObject({ ok: false })
  })

  test('of a filter that is not honoured are passed over with a warning', () => {
    const answer = registry.decodeOverride(decoded, 1, entry('fault', FAULT))
    expect(answer).toMatchObject({ ok: true, config: undefined })
    expect(answer.ok && answer.warnings).toHaveLength(1)
  })

  test('cannot switch a disabled security filter on unnoticed', () => {
    const perRoute = 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute'
    expect(registry.decodeOverride(decoded, 2, entry('rbac', perRoute))).toEqual({
      ok: false,
      errors: [`route override for "rbac" (${perRoute}) enforces security and cannot be honoured yet`],
    })
  })

  test('of a built-in say nothing that is read', () => {
    const answer = registry.decodeOverride(decoded, 3, entry('istio.stats', 'stats.PluginConfig'))
    expect(answer).toEqual({ ok: true, config: undefined, warnings: [] })
  })
})
