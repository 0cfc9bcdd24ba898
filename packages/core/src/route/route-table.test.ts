import type { MessageInitShape } from '@bufbuild/protobuf'
import { anyPack, type Any } from '@bufbuild/protobuf/wkt'
import { create } from '@bufbuild/protobuf'
import { describe, expect, it } from 'vitest'
import { CorsPolicySchema } from '../gen/envoy/extensions/filters/http/cors/v3/cors_pb.ts'
import type { RouteActionSchema, RouteSchema } from '../gen/envoy/config/route/v3/route_components_pb.ts'
import { Exchange } from '../exchange/exchange.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { RequestHead } from '../exchange/head.ts'
import type { Reply } from '../exchange/reply.ts'
import { routeConfigurationType } from '../resources/route-configuration.decode.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'
import { seededRandom } from '../runtime/random.ts'
import {
  duration,
  routeConfiguration,
  type RouteConfigurationSpec,
  type RouteSpec,
} from '../testing/resource-builders.ts'
import type { CompiledRoute, ForwardAction } from './route.ts'
import { clusterNames, compileRouteTable, type RouteContext, type RouteTable } from './route-table.ts'

const CONTEXT: RouteContext = {
  filterSlots: new Map([
    ['one', 0],
    ['two', 1],
  ]),
  decodeOverride: (slot, config) => `${slot}:${config.name}:${config.value.length}`,
}

function decode(spec: Partial<RouteConfigurationSpec>, version = 'v1'): RouteConfiguration {
  const decoded = routeConfigurationType.decode(routeConfiguration({ name: 'r', virtualHosts: [], ...spec }).value, {
    version,
  })
  if (!decoded.ok) throw new Error(decoded.errors.join('; '))
  return decoded.resource
}

const compile = (spec: Partial<RouteConfigurationSpec>): RouteTable => compileRouteTable(decode(spec), CONTEXT, null)
const ofRoutes = (...routes: RouteSpec[]): RouteTable => compile({ virtualHosts: [{ domains: ['*'], routes }] })

function exchange(
  path = '/',
  more: { authority?: string; headers?: string[]; random?: number; method?: string; scheme?: 'http' | 'https' } = {},
): Exchange {
  const head = new RequestHead(
    more.method ?? 'GET',
    more.scheme ?? 'http',
    more.authority ?? 'host',
    path,
    new HeaderMap(more.headers ?? []),
  )
  return new Exchange('outbound', head, null, 0, more.random ?? 0)
}

const nameOf = (route: CompiledRoute | null): string | null => route?.name ?? null

function forward(route: CompiledRoute | null): ForwardAction {
  if (route?.action.kind !== 'forward') throw new Error(`${route?.action.kind}`)
  return route.action
}

function reply(table: RouteTable, x: Exchange): Reply {
  const route = table.match(x)
  if (route?.action.kind !== 'reply') throw new Error(`${route?.action.kind}`)
  return route.action.reply(x)
}

/** The request as it leaves after the mutations of cluster and route. */
function leaving(table: RouteTable, x: Exchange): RequestHead {
  const action = forward(table.match(x))
  action.chooseCluster(x)?.requestMutation?.(x.request, x)
  action.requestMutation?.(x.request, x)
  return x.request
}

describe('RouteTable.match', () => {
  it('chooses the virtual host by the authority and the first route that matches', () => {
    const table = compile({
      virtualHosts: [
        {
          domains: ['reviews', '*.reviews'],
          routes: [
            { name: 'a', path: '/x', cluster: 'c' },
            { name: 'b', cluster: 'c' },
          ],
        },
        { domains: ['ratings'], routes: [{ name: 'c', prefix: '/only', cluster: 'c' }] },
      ],
    })
    expect(nameOf(table.match(exchange('/x?q', { authority: 'Reviews' })))).toBe('a')
    expect(nameOf(table.match(exchange('/y', { authority: 'v1.reviews' })))).toBe('b')
    expect(nameOf(table.match(exchange('/only/x', { authority: 'ratings' })))).toBe('c')
    expect(table.match(exchange('/other', { authority: 'ratings' }))).toBe(null)
    expect(table.match(exchange('/', { authority: 'unknown' }))).toBe(null)
    expect(table.match(exchange('/', { authority: 'reviews:80' }))).toBe(null)
  })

  it('ignores the port where the configuration says so', () => {
    const spec = { virtualHosts: [{ domains: ['reviews'], routes: [{ name: 'a', cluster: 'c' }] }] }
    expect(
      nameOf(
        compile({ ...spec, message: { ignorePortInHostMatching: true } }).match(
          exchange('/', { authority: 'reviews:9080' }),
        ),
      ),
    ).toBe('a')
  })

  it('needs all conditions of a route', () => {
    const table = ofRoutes({
      name: 'a',
      prefix: '/p',
      cluster: 'c',
      headers: { 'x-user': 'jason' },
      message: {
        match: {
          pathSpecifier: { case: 'prefix', value: '/p' },
          headers: [{ name: 'x-user', headerMatchSpecifier: { case: 'exactMatch', value: 'jason' } }],
          queryParameters: [{ name: 'q' }],
          grpc: {},
          runtimeFraction: { defaultValue: { numerator: 50 } },
        },
      },
    })
    const headers = ['x-user', 'jason', 'content-type', 'application/grpc+proto']
    expect(nameOf(table.match(exchange('/p?q', { headers, random: 0.4 })))).toBe('a')
    expect(table.match(exchange('/p?q', { headers, random: 0.5 }))).toBe(null)
    expect(table.match(exchange('/p', { headers }))).toBe(null)
    expect(table.match(exchange('/q?q', { headers }))).toBe(null)
    expect(table.match(exchange('/p?q', { headers: headers.slice(2) }))).toBe(null)
    expect(
      table.match(exchange('/p?q', { headers: ['x-user', 'jason', 'content-type', 'application/grpc-web'] })),
    ).toBe(null)
  })

  it('knows the origin, virtual host, metadata and decorator of a route', () => {
    const config = '/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews'
    const table = compile({
      virtualHosts: [
        {
          name: 'v',
          domains: ['*'],
          message: { includeRequestAttemptCount: true },
          routes: [
            {
              name: 'a',
              cluster: 'c',
              message: {
                metadata: { filterMetadata: { istio: { config } } },
                decorator: { operation: 'reviews:80/*' },
              },
            },
          ],
        },
      ],
    })
    expect(table.match(exchange())).toMatchObject({
      name: 'a',
      virtualHost: 'v',
      origin: { type: 'RouteConfiguration', name: 'r', version: 'v1', config },
      metadata: { istio: { config } },
      decoratorOperation: 'reviews:80/*',
      includeAttemptCount: true,
    })
  })
})

describe('a forwarding route', () => {
  it.each<[RouteSpec, number]>([
    [{}, 15_000],
    [{ timeoutMs: 0 }, 0],
    [{ timeoutMs: 5000 }, 5000],
    [{ timeoutMs: 5000, action: { maxStreamDuration: { maxStreamDuration: duration(1000) } } }, 1000],
    [{ timeoutMs: 500, action: { maxStreamDuration: { maxStreamDuration: duration(1000) } } }, 500],
    [{ timeoutMs: 0, action: { maxStreamDuration: { maxStreamDuration: duration(1000) } } }, 1000],
    [{ timeoutMs: 5000, action: { maxStreamDuration: { maxStreamDuration: duration(0) } } }, 5000],
  ])('case %#: a route ends after its timeout', (spec, timeoutMs) => {
    expect(forward(ofRoutes({ cluster: 'c', ...spec }).match(exchange())).timeoutMs).toBe(timeoutMs)
  })

  it("takes the route's retry policy before the virtual host's", () => {
    const table = compile({
      virtualHosts: [
        {
          domains: ['*'],
          message: { retryPolicy: { retryOn: '5xx', numRetries: 7 } },
          routes: [
            { path: '/own', cluster: 'c', retry: { retryOn: 'reset', numRetries: 2 } },
            { path: '/host', cluster: 'c' },
          ],
        },
      ],
    })
    expect(forward(table.match(exchange('/own'))).retryPolicy?.numRetries).toBe(2)
    expect(forward(table.match(exchange('/host'))).retryPolicy?.numRetries).toBe(7)
    expect(forward(ofRoutes({ cluster: 'c' }).match(exchange())).retryPolicy).toBe(null)
  })

  it('splits by weight with the dice of the request', () => {
    const table = ofRoutes({ weighted: { v1: 90, none: 0, v2: 10 } })
    const action = forward(table.match(exchange()))
    const at = (random: number): string | undefined => action.chooseCluster(exchange('/', { random }))?.cluster
    expect([0, 0.8999, 0.9, 0.9999].map(at)).toEqual(['v1', 'v1', 'v2', 'v2'])
    const random = seededRandom(3)
    const counts: Record<string, number> = { v1: 0, v2: 0, none: 0 }
    for (let i = 0; i < 20_000; i++) counts[at(random.next()) ?? '']! += 1
    expect(counts['none']).toBe(0)
    // 4.5 sigma of 20,000 draws.
    expect(Math.abs(counts['v2']! / 20_000 - 0.1)).toBeLessThan(0.0096)
  })

  it('takes the cluster from a header, or none', () => {
    const action: MessageInitShape<typeof RouteActionSchema> = {
      clusterSpecifier: { case: 'clusterHeader', value: 'X-Cluster' },
    }
    const chosen = forward(ofRoutes({ action }).match(exchange()))
    expect(chosen.chooseCluster(exchange('/', { headers: ['x-cluster', 'c9'] }))?.cluster).toBe('c9')
    expect(chosen.chooseCluster(exchange())).toBe(null)
  })

  it('has no mutation where there is nothing to change', () => {
    const action = forward(ofRoutes({ cluster: 'c' }).match(exchange()))
    expect(action.requestMutation).toBe(null)
    expect(action.responseMutation).toBe(null)
    expect(action.chooseCluster(exchange())).toEqual({ cluster: 'c', requestMutation: null, responseMutation: null })
  })

  const header = (key: string, value: string): { header: { key: string; value: string }; appendAction: 2 } => ({
    header: { key, value },
    appendAction: 2,
  })

  it.each([
    [false, 'configuration'],
    [true, 'route'],
  ])('lets the last level win (most specific: %s)', (mostSpecificHeaderMutationsWins, winner) => {
    const table = compile({
      message: { requestHeadersToAdd: [header('x', 'configuration')], mostSpecificHeaderMutationsWins },
      virtualHosts: [
        {
          domains: ['*'],
          message: { requestHeadersToAdd: [header('x', 'host')] },
          routes: [{ cluster: 'c', message: { requestHeadersToAdd: [header('x', 'route'), header('y', 'route')] } }],
        },
      ],
    })
    const { headers } = leaving(table, exchange())
    expect(headers.get('x')).toBe(winner)
    expect(headers.get('y')).toBe('route')
  })

  it("applies a weighted cluster's changes before the route's", () => {
    const table = ofRoutes({
      message: { requestHeadersToAdd: [header('x', 'route')], responseHeadersToAdd: [header('z', 'route')] },
      action: {
        clusterSpecifier: {
          case: 'weightedClusters',
          value: {
            clusters: [
              {
                name: 'v1',
                weight: 1,
                requestHeadersToAdd: [header('x', 'cluster'), header('y', 'cluster')],
                responseHeadersToAdd: [header('z', 'cluster')],
                hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'v1.host' },
              },
            ],
          },
        },
      },
    })
    const x = exchange()
    const head = leaving(table, x)
    expect(head.headers.flat).toEqual(['x', 'route', 'y', 'cluster'])
    expect(head.authority).toBe('v1.host')
    const response = new HeaderMap()
    forward(table.match(x)).chooseCluster(x)?.responseMutation?.apply(response, x)
    expect(response.get('z')).toBe('cluster')
  })

  it.each<[RouteSpec, string, string]>([
    [{ prefix: '/foo', prefixRewrite: '/bar' }, '/foo/x?q=1', '/bar/x?q=1'],
    [{ prefix: '/foo/', prefixRewrite: '/' }, '/foo/x', '/x'],
    [{ path: '/foo', prefixRewrite: '/bar' }, '/foo?q', '/bar?q'],
    [{ regex: '/foo/.*', prefixRewrite: '/bar' }, '/foo/x?q', '/bar?q'],
    [
      {
        prefix: '/',
        action: { regexRewrite: { pattern: { regex: '^/service/([^/]+)(/.*)$' }, substitution: '\\2/instance/\\1' } },
      },
      '/service/foo/v1?q',
      '/v1/instance/foo?q',
    ],
  ])('case %#: a rewritten path keeps the old one in a header', (spec, path, expected) => {
    const head = leaving(ofRoutes({ cluster: 'c', ...spec }), exchange(path))
    expect(head.path).toBe(expected)
    expect(head.headers.get('x-envoy-original-path')).toBe(path)
  })

  it('rewrites the host and keeps the old one where it is told to', () => {
    const rewrite = (appendXForwardedHost: boolean): RequestHead =>
      leaving(
        ofRoutes({
          cluster: 'c',
          action: { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: 'new' }, appendXForwardedHost },
        }),
        exchange(),
      )
    expect(rewrite(false)).toMatchObject({ authority: 'new' })
    expect(rewrite(false).headers.flat).toEqual([])
    expect(rewrite(true).headers.flat).toEqual(['x-forwarded-host', 'host'])
  })
})

describe('a route that answers by itself', () => {
  it('gives a direct response, prebuilt', () => {
    const table = ofRoutes({ directResponse: { status: 502, body: 'no' } })
    expect(reply(table, exchange())).toMatchObject({
      status: 502,
      body: 'no',
      flag: 0,
      details: 'direct_response',
      headers: [],
    })
    expect(reply(table, exchange())).toBe(reply(table, exchange()))
  })

  it('adds the response headers of its levels', () => {
    const message = { responseHeadersToAdd: [{ header: { key: 'x-a', value: '1' } }] }
    expect(reply(ofRoutes({ directResponse: { status: 200 }, message }), exchange()).headers).toEqual(['x-a', '1'])
  })

  it('answers 500 in the place of an action that it cannot carry out', () => {
    const table = ofRoutes(
      { action: { clusterSpecifier: { case: 'clusterSpecifierPlugin', value: 'p' } } },
      { cluster: 'c' },
    )
    expect(reply(table, exchange())).toMatchObject({ status: 500, details: 'route_action_not_supported' })
  })

  it('hands a non-forwarding route to the application', () => {
    expect(ofRoutes({ nonForwarding: true }).match(exchange())?.action).toEqual({ kind: 'non_forwarding' })
  })

  type Redirect = Extract<MessageInitShape<typeof RouteSchema>['action'], { case: 'redirect' }>['value']
  const path = (value: string): Redirect => ({ pathRewriteSpecifier: { case: 'pathRedirect', value } })
  const scheme = (value: string): Redirect => ({ schemeRewriteSpecifier: { case: 'schemeRedirect', value } })

  it.each<[Redirect, string, string, string]>([
    [{ schemeRewriteSpecifier: { case: 'httpsRedirect', value: true } }, 'host', '/a?b', 'https://host/a?b'],
    [{ schemeRewriteSpecifier: { case: 'httpsRedirect', value: true } }, 'host:80', '/', 'https://host/'],
    [{ schemeRewriteSpecifier: { case: 'httpsRedirect', value: true } }, 'host:8080', '/', 'https://host:8080/'],
    [{ schemeRewriteSpecifier: { case: 'httpsRedirect', value: true } }, '[::1]:80', '/', 'https://[::1]/'],
    [scheme('HTTPS'), '[::1]', '/', 'https://[::1]/'],
    [{ hostRedirect: 'new' }, 'host:80', '/a', 'http://new/a'],
    [{ portRedirect: 8443 }, 'host:80', '/a', 'http://host:8443/a'],
    [path('/new'), 'host', '/a?b', 'http://host/new?b'],
    [path('/new?c'), 'host', '/a?b', 'http://host/new?c'],
    [{ ...path('/new?c'), stripQuery: true }, 'host', '/a?b', 'http://host/new?c'],
    [{ ...path('/new'), stripQuery: true }, 'host', '/a?b', 'http://host/new'],
    [{ stripQuery: true }, 'host', '/a?b', 'http://host/a'],
    [{ pathRewriteSpecifier: { case: 'prefixRewrite', value: '/n' } }, 'host', '/a?b', 'http://host/n?b'],
    [
      { pathRewriteSpecifier: { case: 'regexRewrite', value: { pattern: { regex: 'a' }, substitution: 'z' } } },
      'host',
      '/a?a',
      'http://host/z?a',
    ],
  ])('case %#: a redirect replaces what it names', (redirect, authority, from, location) => {
    const table = ofRoutes(
      { prefix: '/a', message: { action: { case: 'redirect', value: redirect } } },
      { message: { action: { case: 'redirect', value: redirect } } },
    )
    const answer = reply(table, exchange(from, { authority }))
    expect(answer).toMatchObject({ status: 301, body: '', headers: ['location', location] })
  })
})

describe('filter overrides', () => {
  const override = (allowMethods: string): Any => anyPack(CorsPolicySchema, create(CorsPolicySchema, { allowMethods }))

  it('keeps the most specific one in the slot of its filter', () => {
    const table = compile({
      message: { typedPerFilterConfig: { one: override('1'), two: override('1') } },
      virtualHosts: [
        {
          domains: ['*'],
          message: { typedPerFilterConfig: { two: override('22') } },
          routes: [
            {
              path: '/a',
              cluster: 'c',
              message: { typedPerFilterConfig: { two: override('333'), unknown: override('') } },
            },
            { path: '/b', cluster: 'c' },
          ],
        },
      ],
    })
    expect(table.match(exchange('/a'))?.overrides).toEqual(['0:one:3', '1:two:5'])
    expect(table.match(exchange('/b'))?.overrides).toEqual(['0:one:3', '1:two:4'])
  })

  it('has a route for each weighted cluster that overrides', () => {
    const table = ofRoutes({
      name: 'a',
      action: {
        clusterSpecifier: {
          case: 'weightedClusters',
          value: {
            clusters: [
              { name: 'v1', weight: 1, typedPerFilterConfig: { two: override('x') } },
              { name: 'v2', weight: 1 },
            ],
          },
        },
      },
    })
    const half = (random: number): CompiledRoute | null => table.match(exchange('/', { random }))
    expect(half(0.2)?.overrides).toEqual([undefined, '1:two:3'])
    expect(half(0.7)?.overrides).toEqual([])
    expect(forward(half(0.2)).chooseCluster(exchange('/', { random: 0.2 }))?.cluster).toBe('v1')
    expect(forward(half(0.7)).chooseCluster(exchange('/', { random: 0.7 }))?.cluster).toBe('v2')
  })
})

describe('compileRouteTable', () => {
  const spec = (weight: number, message: RouteConfigurationSpec['message'] = {}): Partial<RouteConfigurationSpec> => ({
    name: 'reuse-table',
    message,
    virtualHosts: [
      { name: 'a', domains: ['a'], routes: [{ cluster: 'c', headers: { x: 'y' } }] },
      { name: 'b', domains: ['b'], routes: [{ weighted: { v1: weight, v2: 1 } }] },
    ],
  })
  const reused = (before: RouteTable, after: RouteTable): boolean[] =>
    after.virtualHosts.map((host, i) => host === before.virtualHosts[i])

  it('takes over virtual hosts that did not change', () => {
    const before = compileRouteTable(decode(spec(1)), CONTEXT, null)
    const after = compileRouteTable(decode(spec(2), 'v2'), CONTEXT, before)
    expect(reused(before, after)).toEqual([true, false])
    expect(after.resource.origin.version).toBe('v2')
  })

  it('takes over equal hosts of another source', () => {
    const before = compileRouteTable(decode(spec(1)), CONTEXT, null)
    const copy = structuredClone(decode(spec(1)))
    expect(reused(before, compileRouteTable(copy, CONTEXT, before))).toEqual([true, true])
  })

  it('compiles anew what is compiled under something else', () => {
    const before = compileRouteTable(decode(spec(1)), CONTEXT, null)
    const header = { requestHeadersToAdd: [{ header: { key: 'x', value: 'y' } }] }
    expect(reused(before, compileRouteTable(decode(spec(1, header)), CONTEXT, before))).toEqual([false, false])
    const slots = { ...CONTEXT, filterSlots: new Map([['one', 1]]) }
    expect(reused(before, compileRouteTable(decode(spec(1)), slots, before))).toEqual([false, false])
    expect(
      reused(before, compileRouteTable(decode(spec(1, { ignorePortInHostMatching: true })), CONTEXT, before)),
    ).toEqual([true, true])
  })

  it('takes over hosts whose place changed', () => {
    const before = compileRouteTable(decode(spec(1)), CONTEXT, null)
    const turned = { ...spec(1), virtualHosts: (spec(1).virtualHosts ?? []).toReversed() }
    const after = compileRouteTable(decode(turned), CONTEXT, before)
    expect(after.virtualHosts).toEqual(before.virtualHosts.toReversed())
    expect(after.virtualHosts[0]).toBe(before.virtualHosts[1])
  })
})

describe('clusterNames', () => {
  it('names every cluster that a request can be sent to', () => {
    const config = decode({
      virtualHosts: [
        {
          domains: ['a'],
          routes: [{ cluster: 'c1' }, { weighted: { c2: 1, c3: 0 } }, { directResponse: { status: 200 } }],
        },
        {
          domains: ['b'],
          routes: [{ cluster: 'c1' }, { action: { clusterSpecifier: { case: 'clusterHeader', value: 'x' } } }],
        },
      ],
    })
    expect([...clusterNames(config)].toSorted()).toEqual(['c1', 'c2', 'c3'])
  })
})
