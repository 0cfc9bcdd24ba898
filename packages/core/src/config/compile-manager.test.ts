import { describe, expect, test } from 'vitest'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilterFactory } from '../exchange/http-filter.ts'
import { HttpFilterRegistry } from '../filters/registry.ts'
import { unknownPeer } from '../exchange/peer.ts'
import type { HttpConnectionManager, HttpFilterConfig } from '../resources/listener.ts'
import { loadResourceTypes } from '../resources/resource-types.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'
import { silentLogger } from '../runtime/log.ts'
import { seededRandom } from '../runtime/random.ts'
import { LogSinks } from '../telemetry/log-sink.ts'
import { noContext } from '../telemetry/request-context.ts'
import { StandardMetrics } from '../telemetry/standard-metrics.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { routeConfiguration } from '../testing/resource-builders.ts'
import { compileManager, type CompileRuntime } from './compile-manager.ts'

describe('a connection manager', () => {
  test('that did not change is taken over as it is', async () => {
    const runtime = make()
    const [http, routes] = [manager(), await decoded({ a: 'a' })]
    const first = compileManager('outbound', http, routes, runtime, null)
    expect(compileManager('outbound', http, routes, runtime, first)).toBe(first)
    expect(compileManager('outbound', manager(), routes, runtime, first)).toBe(first)
  })

  test('whose routes changed keeps its filters, and the virtual hosts that did not change', async () => {
    const runtime = make()
    const first = compileManager('outbound', manager(), await decoded({ a: 'a', b: 'b' }), runtime, null)
    const second = compileManager('outbound', manager(), await decoded({ a: 'a', b: 'c' }), runtime, first)
    expect(second.filters).toBe(first.filters)
    expect(second.source.table?.virtualHost('a')).toBe(first.source.table?.virtualHost('a'))
    expect(second.source.table?.virtualHost('b')).not.toBe(first.source.table?.virtualHost('b'))
  })

  test('whose filters changed gets new ones', async () => {
    const runtime = make()
    const routes = await decoded({ a: 'a' })
    const first = compileManager('outbound', manager(), routes, runtime, null)
    const second = compileManager('outbound', manager({ httpFilters: [counting()] }), routes, runtime, first)
    expect(second.filters).not.toBe(first.filters)
  })

  test('without filters of its own shares its chain with others; with filters of its own it does not', async () => {
    const runtime = make()
    const routes = await decoded({ a: 'a' })
    const chain = (http: HttpConnectionManager, side: 'outbound' | 'inbound' = 'outbound') =>
      compileManager(side, http, routes, runtime, null).filters
    expect(chain(manager())).toBe(chain(manager()))
    expect(chain(manager(), 'inbound')).not.toBe(chain(manager()))
    const own = manager({ httpFilters: [counting()] })
    expect(chain(own)).not.toBe(chain(own))
  })

  test('without a route configuration finds no route', () => {
    const compiled = compileManager('outbound', manager(), null, make(), null)
    expect(compiled.routes.match(exchange())).toBeNull()
  })

  test('has peer metadata, tracing and stats without being told', async () => {
    const runtime = make()
    const { filters, routes } = compileManager('outbound', manager(), await decoded({ a: 'a' }), runtime, null)
    const x = exchange()
    void filters.onRequest(x, routes)
    filters.onComplete(x)
    expect(x.request.headers.has('x-envoy-peer-metadata-id')).toBe(true)
    expect(x.request.headers.has('traceparent')).toBe(true)
    expect(runtime.metrics.size).toBe(1)
  })

  test('that names stats among its filters counts each request once', async () => {
    const runtime = make()
    const stats = filter('istio.stats', 'stats.PluginConfig')
    const http = manager({ httpFilters: [stats] })
    const { filters } = compileManager('outbound', http, await decoded({ a: 'a' }), runtime, null)
    filters.onComplete(exchange())
    expect([...runtime.metrics.series()].map((series) => series.requests)).toEqual([1])
  })
})

function make(): CompileRuntime {
  const clock = new FakeClock()
  return {
    clock,
    random: seededRandom(1),
    log: silentLogger,
    clusters: { find: () => null },
    registry: new HttpFilterRegistry([countingFactory]),
    metrics: new StandardMetrics({ self: unknownPeer, log: silentLogger }),
    sinks: new LogSinks(clock, silentLogger),
    self: { id: 'sidecar~1.2.3.4~a.b~b.svc.cluster.local', value: '' },
    carrier: noContext,
    chains: new Map(),
    onComplete() {},
  }
}

const countingFactory: HttpFilterFactory<null> = {
  typeUrls: ['test.Counting'],
  decode: () => ({ ok: true, config: null, warnings: [] }),
  create: () => ({ name: 'counting', onComplete() {} }),
}

function counting(): HttpFilterConfig {
  return filter('counting', 'test.Counting')
}

function filter(name: string, typeUrl: string): HttpFilterConfig {
  return { name, typeUrl, value: new Uint8Array(), isOptional: false, disabled: false }
}

function manager(over: Partial<HttpConnectionManager> = {}): HttpConnectionManager {
  return {
    statPrefix: '',
    routeConfigName: 'routes',
    inlineRouteConfig: null,
    httpFilters: [],
    accessLogs: [],
    tracing: null,
    streamIdleTimeoutMs: null,
    serverName: '',
    generateRequestId: true,
    preserveExternalRequestId: false,
    ...over,
  }
}

/** Virtual hosts by domain, each with one cluster. */
async function decoded(hosts: Record<string, string>): Promise<RouteConfiguration> {
  const { value } = routeConfiguration({
    name: 'routes',
    virtualHosts: Object.entries(hosts).map(([domain, cluster]) => ({ domains: [domain], routes: [{ cluster }] })),
  })
  const result = (await loadResourceTypes()).routeConfiguration.decode(value, { version: '1' })
  if (!result.ok) throw new Error(result.errors.join())
  return result.resource
}

function exchange(): Exchange {
  const head = new RequestHead('GET', 'http', 'a', '/', new HeaderMap())
  return new Exchange('outbound', head, null, 0, 0.5)
}
