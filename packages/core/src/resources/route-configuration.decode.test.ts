import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { anyPack } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  FilterConfigSchema,
  type RouteActionSchema,
  type RouteSchema,
} from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { CorsPolicySchema } from '../gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts'
import {
  duration,
  routeConfiguration,
  type RouteConfigurationSpec,
  type RouteSpec,
} from '../testing/resource-builders.ts'
import { routeConfigurationType } from './route-configuration.decode.ts'
import type { Route, RouteAction, RouteConfiguration } from './route-configuration.ts'

const ORIGIN = { version: 'v1' }

function encode(spec: Partial<RouteConfigurationSpec> & { readonly routes?: readonly RouteSpec[] }): Uint8Array {
  const { routes, ...rest } = spec
  return routeConfiguration({ name: 'r', virtualHosts: [{ name: 'v', domains: ['*'], routes: routes ?? [] }], ...rest })
    .value
}

function accepted(bytes: Uint8Array): RouteConfiguration {
  const decoded = routeConfigurationType.decode(bytes, ORIGIN)
  if (!decoded.ok) throw new Error(decoded.errors.join('; '))
  return decoded.resource
}

function errors(bytes: Uint8Array): readonly string[] {
  const decoded = routeConfigurationType.decode(bytes, ORIGIN)
  return decoded.ok ? [] : decoded.errors
}

function warnings(bytes: Uint8Array): readonly string[] {
  const decoded = routeConfigurationType.decode(bytes, ORIGIN)
  return decoded.ok ? decoded.warnings : []
}

function onlyRoute(spec: RouteSpec): Route {
  const route = accepted(encode({ routes: [spec] })).virtualHosts[0]?.routes[0]
  if (route === undefined) throw new Error('no route')
  return route
}

function forward(spec: RouteSpec): RouteAction {
  const { action } = onlyRoute(spec)
  if (action.kind !== 'route') throw new Error(action.kind)
  return action
}

describe('routeConfigurationType', () => {
  it('reads names, domains and the version', () => {
    const resource = accepted(
      encode({
        virtualHosts: [{ name: 'v', domains: ['a', '*.b'], routes: [{ name: 'x', cluster: 'c' }] }],
        message: { ignorePortInHostMatching: true, mostSpecificHeaderMutationsWins: true },
      }),
    )
    expect(resource.origin).toEqual({ type: 'RouteConfiguration', name: 'r', version: 'v1', config: null })
    expect(resource).toMatchObject({ ignorePortInHostMatching: true, mostSpecificHeaderMutationsWins: true })
    expect(resource.virtualHosts[0]).toMatchObject({ name: 'v', domains: ['a', '*.b'], retryPolicy: null })
    expect(resource.virtualHosts[0]?.routes[0]).toMatchObject({ name: 'x', decoratorOperation: null })
  })

  it.each<[RouteSpec, Route['match']['path']]>([
    [
      { prefix: '/a', cluster: 'c' },
      { kind: 'prefix', value: '/a' },
    ],
    [
      { path: '/a', cluster: 'c' },
      { kind: 'exact', value: '/a' },
    ],
    [
      { regex: '/a.*', cluster: 'c' },
      { kind: 'regex', value: '/a.*' },
    ],
    [match({ case: 'pathSeparatedPrefix', value: '/a' }), { kind: 'path_separated_prefix', value: '/a' }],
    [match({ case: 'connectMatcher', value: {} }), { kind: 'connect' }],
  ])('reads the path specifier of %j', (spec, path) => expect(onlyRoute(spec).match.path).toEqual(path))

  it('reads header and query matchers, gRPC and the fraction', () => {
    const route = onlyRoute({
      cluster: 'c',
      message: {
        match: {
          pathSpecifier: { case: 'prefix', value: '/' },
          caseSensitive: false,
          grpc: {},
          runtimeFraction: { defaultValue: { numerator: 5, denominator: 1 } },
          headers: [
            { name: 'X-A', headerMatchSpecifier: { case: 'exactMatch', value: 'v' } },
            { name: 'x-b', headerMatchSpecifier: { case: 'rangeMatch', value: { start: 1n, end: 5n } } },
            { name: 'x-c', headerMatchSpecifier: { case: 'presentMatch', value: false }, invertMatch: true },
            { name: 'x-d' },
            {
              name: 'x-e',
              treatMissingHeaderAsEmpty: true,
              headerMatchSpecifier: {
                case: 'stringMatch',
                value: { matchPattern: { case: 'safeRegex', value: { regex: 'a+' } }, ignoreCase: true },
              },
            },
          ],
          queryParameters: [
            { name: 'q' },
            { name: 'p', queryParameterMatchSpecifier: { case: 'presentMatch', value: false } },
          ],
        },
      },
    })
    const string = (kind: string, value: string): object => ({
      kind: 'string',
      string: { kind, value, ignoreCase: false },
    })
    const plain = { invert: false, treatMissingAsEmpty: false }
    expect(route.match).toMatchObject({
      caseSensitive: false,
      grpc: true,
      fraction: { numerator: 5, denominator: 10_000 },
      headers: [
        { name: 'x-a', match: string('exact', 'v'), ...plain },
        { name: 'x-b', match: { kind: 'range', start: 1n, end: 5n }, ...plain },
        { name: 'x-c', match: { kind: 'present', present: false }, invert: true, treatMissingAsEmpty: false },
        { name: 'x-d', match: { kind: 'present', present: true }, ...plain },
        { name: 'x-e', match: string('regex', 'a+'), invert: false, treatMissingAsEmpty: true },
      ],
      queryParameters: [
        { name: 'q', match: { kind: 'present', present: true } },
        { name: 'p', match: { kind: 'present', present: false } },
      ],
    })
  })

  it('reads timeouts, and leaves the default to the compiler', () => {
    expect(forward({ cluster: 'c' })).toMatchObject({ timeoutMs: null, maxStreamDurationMs: null })
    expect(forward({ cluster: 'c', timeoutMs: 0 }).timeoutMs).toBe(0)
    expect(forward({ cluster: 'c', timeoutMs: 2500 }).timeoutMs).toBe(2500)
    expect(
      forward({ cluster: 'c', action: { maxStreamDuration: { maxStreamDuration: duration(1000) } } })
        .maxStreamDurationMs,
    ).toBe(1000)
  })

  it('reads weighted clusters with their sum', () => {
    expect(forward({ weighted: { a: 90, b: 10, c: 0 } }).target).toMatchObject({
      kind: 'weighted',
      totalWeight: 100,
      clusters: [
        { cluster: 'a', weight: 90 },
        { cluster: 'b', weight: 10 },
        { cluster: 'c', weight: 0 },
      ],
    })
  })

  it("fills a retry policy with Envoy's defaults", () => {
    const { retryPolicy } = forward({ cluster: 'c', retry: { retryOn: '5xx, reset,' } })
    expect(retryPolicy).toEqual({
      retryOn: ['5xx', 'reset'],
      numRetries: 1,
      perTryTimeoutMs: null,
      retriableStatusCodes: [],
      retriableHeaders: [],
      backOff: { baseMs: 25, maxMs: 250 },
      previousHosts: false,
      hostSelectionMaxAttempts: 1,
    })
  })

  it('reads what a retry policy says', () => {
    const { retryPolicy } = forward({
      cluster: 'c',
      retry: {
        retryOn: 'retriable-status-codes',
        numRetries: 0,
        perTryTimeoutMs: 2000,
        baseMs: 0.5,
        retriableStatusCodes: [409],
        previousHosts: true,
      },
    })
    expect(retryPolicy).toMatchObject({
      numRetries: 0,
      perTryTimeoutMs: 2000,
      backOff: { baseMs: 1, maxMs: 10 },
      retriableStatusCodes: [409],
      previousHosts: true,
    })
  })

  it('reads redirects and direct responses', () => {
    expect(
      onlyRoute({
        message: {
          action: {
            case: 'redirect',
            value: {
              schemeRewriteSpecifier: { case: 'httpsRedirect', value: true },
              hostRedirect: 'h',
              portRedirect: 8443,
              pathRewriteSpecifier: { case: 'prefixRewrite', value: '/n' },
              responseCode: 3,
              stripQuery: true,
            },
          },
        },
      }).action,
    ).toEqual({
      kind: 'redirect',
      status: 307,
      scheme: 'https',
      host: 'h',
      port: 8443,
      path: null,
      prefixRewrite: '/n',
      regexRewrite: null,
      stripQuery: true,
    })
    expect(onlyRoute({ directResponse: { status: 503 } }).action).toEqual({
      kind: 'direct_response',
      status: 503,
      body: null,
    })
    expect(onlyRoute({ nonForwarding: true }).action).toEqual({ kind: 'non_forwarding' })
  })

  it('keeps a route whose action it cannot carry out, so that no later one takes its place', () => {
    const unsupported: [string, MessageInitShape<typeof RouteActionSchema>][] = [
      ['cluster_specifier_plugin', { clusterSpecifier: { case: 'clusterSpecifierPlugin', value: 'p' } }],
      ['host_rewrite_header', { hostRewriteSpecifier: { case: 'hostRewriteHeader', value: 'x' } }],
      ['path_rewrite', { pathRewrite: '/%REQ(x)%' }],
    ]
    for (const [what, action] of unsupported)
      expect(onlyRoute({ cluster: 'c', action }).action).toEqual({ kind: 'unsupported', what })
    expect(warnings(encode({ routes: [{ cluster: 'c', action: unsupported[1]?.[1] ?? {} }] }))).toEqual([
      'virtual_hosts[0].routes[0].route.host_rewrite_header: approximated: the route answers 500',
    ])
  })

  it('reads header changes in lower case, with every append action', () => {
    const { headers } = onlyRoute({
      cluster: 'c',
      message: {
        requestHeadersToAdd: [
          { header: { key: 'X-A', value: '1' } },
          { header: { key: 'x-b', value: '2' }, append: false },
          { header: { key: 'x-c', value: '3' }, appendAction: 1 },
          { header: { key: 'x-d', value: '' }, appendAction: 3, keepEmptyValue: true },
        ],
        responseHeadersToRemove: ['Server'],
      },
    })
    expect(headers.requestAdd.map(({ name, action }) => [name, action])).toEqual([
      ['x-a', 'append'],
      ['x-b', 'overwrite_or_add'],
      ['x-c', 'add_if_absent'],
      ['x-d', 'overwrite_if_exists'],
    ])
    expect(headers.requestAdd[3]?.keepEmptyValue).toBe(true)
    expect(headers.responseRemove).toEqual(['server'])
  })

  it('warns of operators in header values', () => {
    const message = { requestHeadersToAdd: [{ header: { key: 'x', value: 'a %PROTOCOL%' } }] }
    expect(warnings(encode({ routes: [{ cluster: 'c', message }] }))).toEqual([
      'virtual_hosts[0].routes[0].request_headers_to_add[0].header.value: ignored: %PROTOCOL% stays as it is written',
    ])
  })

  it('takes a FilterConfig off its override', () => {
    const inner = anyPack(CorsPolicySchema, create(CorsPolicySchema))
    const wrapped = anyPack(FilterConfigSchema, create(FilterConfigSchema, { config: inner, isOptional: true }))
    const off = anyPack(FilterConfigSchema, create(FilterConfigSchema, { disabled: true }))
    const { filterOverrides } = onlyRoute({
      cluster: 'c',
      message: { typedPerFilterConfig: { a: inner, b: wrapped, c: off } },
    })
    const typeUrl = 'envoy.extensions.filters.http.cors.v3.CorsPolicy'
    expect(filterOverrides.get('a')).toMatchObject({ name: 'a', typeUrl, isOptional: false, disabled: false })
    expect(filterOverrides.get('b')).toMatchObject({ name: 'b', typeUrl, isOptional: true, disabled: false })
    expect(filterOverrides.get('c')).toMatchObject({ name: 'c', typeUrl: '', disabled: true })
  })

  const V = 'virtual_hosts[0]'
  const R = `${V}.routes[0]`
  const message = (
    init: MessageInitShape<typeof RouteSchema>,
  ): Partial<RouteConfigurationSpec> & { routes: RouteSpec[] } => ({
    routes: [{ cluster: 'c', message: init }],
  })

  it.each<[string, Parameters<typeof encode>[0], string]>([
    ['no name', { name: '' }, 'name: is empty'],
    ['a host without domains', { virtualHosts: [{ name: 'v', domains: [], routes: [] }] }, `${V}.domains: is empty`],
    ['a host without a name', { virtualHosts: [{ name: '', domains: ['a'], routes: [] }] }, `${V}.name: is empty`],
    [
      'a domain twice',
      {
        virtualHosts: [
          { name: 'v', domains: ['a'], routes: [] },
          { name: 'w', domains: ['b', 'A'], routes: [] },
        ],
      },
      'virtual_hosts[1].domains[1]: "A" is already a domain of virtual_hosts[0]',
    ],
    ['an empty cluster', { routes: [{ cluster: '' }] }, `${R}.route.cluster: is empty`],
    [
      'weights that add up to 0',
      { routes: [{ weighted: { a: 0 } }] },
      `${R}.route.weighted_clusters: the weights add up to 0`,
    ],
    ['no weighted cluster', { routes: [{ weighted: {} }] }, `${R}.route.weighted_clusters.clusters: is empty`],
    [
      'weights beyond 32 bits',
      { routes: [{ weighted: { a: 4_294_967_295, b: 1 } }] },
      `${R}.route.weighted_clusters: the weights add up to more than 4294967295`,
    ],
    [
      'a pattern that RE2 refuses',
      { routes: [{ regex: '(?=a)', cluster: 'c' }] },
      `${R}.match.safe_regex: is not a pattern of RE2: error parsing regexp: invalid or unsupported Perl syntax: \`(?=\``,
    ],
    ['no match', message({ match: {} }), `${R}.match: has no path specifier`],
    ['no action', message({ action: { case: undefined } }), `${R}: has no action`],
    [
      'a header without a name',
      message({ match: { pathSpecifier: { case: 'prefix', value: '/' }, headers: [{}] } }),
      `${R}.match.headers[0].name: is empty`,
    ],
    [
      'a status below 200',
      { routes: [{ directResponse: { status: 100 } }] },
      `${R}.direct_response.status: 100 is not 200 to 599`,
    ],
    [
      'a status above 599',
      { routes: [{ directResponse: { status: 600 } }] },
      `${R}.direct_response.status: 600 is not 200 to 599`,
    ],
    [
      'a long body',
      { routes: [{ directResponse: { status: 200, body: 'x'.repeat(4097) } }] },
      `${R}.direct_response.body: has more than 4096 bytes`,
    ],
    ['a negative timeout', { routes: [{ cluster: 'c', timeoutMs: -1000 }] }, `${R}.route.timeout: is negative`],
    [
      'a back-off of 0',
      { routes: [{ cluster: 'c', retry: { retryOn: '5xx', baseMs: 0 } }] },
      `${R}.route.retry_policy.retry_back_off.base_interval: must be greater than 0`,
    ],
    [
      'a back-off that shrinks',
      { routes: [{ cluster: 'c', retry: { retryOn: '5xx', baseMs: 100, maxMs: 10 } }] },
      `${R}.route.retry_policy.retry_back_off.max_interval: is below base_interval`,
    ],
    [
      'a status that is none',
      { routes: [{ cluster: 'c', retry: { retryOn: '5xx', retriableStatusCodes: [1000] } }] },
      `${R}.route.retry_policy.retriable_status_codes[0]: 1000 is no HTTP status`,
    ],
    [
      'a pseudo header',
      message({ requestHeadersToAdd: [{ header: { key: ':path', value: '/' } }] }),
      `${R}.request_headers_to_add[0].header.key: ":path" may not be changed by a route`,
    ],
    [
      'removal of Host',
      message({ requestHeadersToRemove: ['Host'] }),
      `${R}.request_headers_to_remove[0]: "host" may not be removed by a route`,
    ],
    [
      'a line break',
      message({ requestHeadersToAdd: [{ header: { key: 'x', value: 'a\nb' } }] }),
      `${R}.request_headers_to_add[0].header: has a line break or NUL in it`,
    ],
    [
      'an open percent sign',
      message({ requestHeadersToAdd: [{ header: { key: 'x', value: '100%' } }] }),
      `${R}.request_headers_to_add[0].header.value: has a percent sign that is not closed`,
    ],
    [
      'a TLS condition',
      message({ match: { pathSpecifier: { case: 'prefix', value: '/' }, tlsContext: { presented: true } } }),
      `${R}.match.tls_context: refused: the route would match too much`,
    ],
    [
      'require_tls',
      { virtualHosts: [{ name: 'v', domains: ['a'], routes: [], message: { requireTls: 2 } }] },
      `${V}.require_tls: refused: plaintext requests would not be redirected`,
    ],
  ])('refuses %s', (_what, spec, error) => expect(errors(encode(spec))).toContain(error))

  it('collects the errors of all virtual hosts', () => {
    const virtualHosts = ['a', 'b'].map((name) => ({ name, domains: [name], routes: [{ cluster: '' }] }))
    expect(errors(encode({ virtualHosts }))).toEqual([
      'virtual_hosts[0].routes[0].route.cluster: is empty',
      'virtual_hosts[1].routes[0].route.cluster: is empty',
    ])
  })

  it('allows a long body where the configuration does', () => {
    const routes = [{ directResponse: { status: 200, body: 'x'.repeat(5000) } }]
    expect(errors(encode({ routes, message: { maxDirectResponseBodySizeBytes: 5000 } }))).toEqual([])
    expect(errors(encode({ routes, message: { maxDirectResponseBodySizeBytes: 4999 } }))).toHaveLength(1)
  })

  it('hands on the same virtual host while its bytes stay the same, with its warnings', () => {
    const hosts = (weight: number, domain: string): Uint8Array =>
      encode({
        name: 'reuse',
        virtualHosts: [
          { name: 'a', domains: [domain], routes: [{ cluster: 'c', action: { hedgePolicy: {} } }] },
          { name: 'b', domains: ['b'], routes: [{ weighted: { x: weight, y: 1 } }] },
        ],
      })
    const first = accepted(hosts(1, 'a'))
    const second = routeConfigurationType.decode(hosts(2, 'a'), { version: 'v2' })
    if (!second.ok) throw new Error(second.errors.join())
    expect(second.resource.origin.version).toBe('v2')
    expect(second.resource.virtualHosts[0]).toBe(first.virtualHosts[0])
    expect(second.resource.virtualHosts[1]).not.toBe(first.virtualHosts[1])
    expect(second.warnings).toEqual(['virtual_hosts[0].routes[0].route.hedge_policy: ignored: not honoured yet'])
    expect(accepted(hosts(2, 'other')).virtualHosts[0]).not.toBe(first.virtualHosts[0])
  })

  it('never throws on hostile bytes', () => {
    const good = encode({
      routes: [
        { cluster: 'c', retry: { retryOn: '5xx' }, headers: { a: 'b' } },
        { regex: '/a+', weighted: { a: 1 } },
      ],
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = good.slice()
          for (const [at, value] of changes) bytes[at] = value
          const decoded = routeConfigurationType.decode(bytes, ORIGIN)
          if (!decoded.ok) expect(decoded.errors.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 500 },
    )
    expect(errors(new Uint8Array([255, 255]))[0]).toContain('malformed')
  })
})

function match(pathSpecifier: NonNullable<MessageInitShape<typeof RouteSchema>['match']>['pathSpecifier']): RouteSpec {
  return { cluster: 'c', message: { match: { pathSpecifier } as never } }
}
