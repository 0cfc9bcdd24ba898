import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { anyPack, type Any } from '@bufbuild/protobuf/wkt'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FileAccessLogSchema } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from '../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts'
import { HTTPFaultSchema } from '../gen/envoy/extensions/filters/http/fault/v3/fault_pb.ts'
import { RouterSchema } from '../gen/envoy/extensions/filters/http/router/v3/router_pb.ts'
import type { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { HttpConnectionManagerSchema as Hcm } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { RBACSchema } from '../gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.ts'
import { TcpProxySchema } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts'
import { DownstreamTlsContextSchema } from '../gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import type { FilterChainSchema } from '../gen/envoy/config/listener/v3/listener_components_pb.ts'
import { apiListener, httpConnectionManager, type HttpSpec, inboundListener } from '../testing/resource-builders.ts'
import { ENVOY_TEXT_FORMAT } from './access-log.decode.ts'
import { listenerType } from './listener.decode.ts'
import type { AccessLogConfig, HttpConnectionManager, Listener } from './listener.ts'

const ORIGIN = { version: 'v1' }

function accepted(bytes: Uint8Array): Listener {
  const decoded = listenerType.decode(bytes, ORIGIN)
  if (!decoded.ok) throw new Error(decoded.errors.join('; '))
  return decoded.resource
}

const errors = (bytes: Uint8Array): readonly string[] => {
  const decoded = listenerType.decode(bytes, ORIGIN)
  return decoded.ok ? [] : decoded.errors
}

const warnings = (bytes: Uint8Array): readonly string[] => {
  const decoded = listenerType.decode(bytes, ORIGIN)
  return decoded.ok ? decoded.warnings : []
}

const api = (spec: HttpSpec): Uint8Array => apiListener({ name: 'a:80', rds: 'r', ...spec }).value
const manager = (spec: HttpSpec): HttpConnectionManager => {
  const decoded = accepted(api(spec)).apiListener
  if (decoded === null) throw new Error('no api_listener')
  return decoded
}
const pack = <Desc extends DescMessage>(schema: Desc, init?: MessageInitShape<Desc>): Any =>
  anyPack(schema, create(schema, init) as MessageShape<Desc>)
const inbound = (message?: MessageInitShape<typeof ListenerSchema>): Uint8Array =>
  inboundListener({ address: '127.0.0.1', port: 8080, ...(message === undefined ? {} : { message }) }).value
const chain = (init: MessageInitShape<typeof FilterChainSchema>): Uint8Array => inbound({ filterChains: [init] })
const filter = (config: Any): { name: string; configType: { case: 'typedConfig'; value: Any } } => ({
  name: 'f',
  configType: { case: 'typedConfig', value: config },
})
const http = (): Any => anyPack(Hcm, httpConnectionManager({ rds: 'r' }))

describe('listenerType', () => {
  it('reads an api_listener with RDS', () => {
    const listener = accepted(api({ randomSampling: 5 }))
    expect(listener).toMatchObject({
      name: 'a:80',
      address: null,
      port: null,
      filterChains: [],
      defaultFilterChain: null,
    })
    expect(listener.origin).toEqual({ type: 'Listener', name: 'a:80', version: 'v1', config: null })
    expect(listener.apiListener).toEqual({
      statPrefix: 'test',
      routeConfigName: 'r',
      inlineRouteConfig: null,
      httpFilters: [],
      accessLogs: [],
      tracing: { randomSampling: 5 },
      streamIdleTimeoutMs: null,
      serverName: '',
      generateRequestId: true,
      preserveExternalRequestId: false,
    })
    expect(warnings(api({}))).toEqual([])
  })

  it('reads an inbound listener with inline routes', () => {
    const listener = accepted(inbound())
    expect(listener).toMatchObject({
      name: 'xds.istio.io/grpc/lds/inbound/127.0.0.1:8080',
      address: '127.0.0.1',
      port: 8080,
    })
    const [only] = listener.filterChains
    expect(only).toMatchObject({ name: 'inbound-plaintext', transportSocket: null })
    expect(only?.http?.inlineRouteConfig?.origin).toMatchObject({ type: 'RouteConfiguration', version: 'v1' })
    expect(only?.http?.inlineRouteConfig?.virtualHosts[0]?.routes[0]?.action).toEqual({ kind: 'non_forwarding' })
    expect(warnings(inbound())).toEqual([])
  })

  it('keeps the Istio object that the listener came from', () => {
    const config = '/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews'
    const bytes = inbound({ metadata: { filterMetadata: { istio: { config } } } })
    expect(accepted(bytes).origin.config).toBe(config)
  })

  it('keeps filters as bytes in order, without the router', () => {
    const { httpFilters } = manager({
      httpFilters: [{ name: 'fault', config: pack(HTTPFaultSchema, { headers: [{ name: 'x' }] }) }],
    })
    expect(httpFilters).toHaveLength(1)
    expect(httpFilters[0]).toMatchObject({
      name: 'fault',
      typeUrl: 'envoy.extensions.filters.http.fault.v3.HTTPFault',
      isOptional: false,
      disabled: false,
    })
    expect(httpFilters[0]?.value.length).toBeGreaterThan(0)
  })

  it.each<[string, MessageInitShape<typeof HttpConnectionManagerSchema>, number | null]>([
    ['nothing', {}, null],
    ['tracing without rates', { tracing: {} }, 100],
    ['a random rate', { tracing: { randomSampling: { value: 1 } } }, 1],
    ['an overall rate below it', { tracing: { randomSampling: { value: 50 }, overallSampling: { value: 10 } } }, 10],
    ['an overall rate of 100', { tracing: { randomSampling: { value: 50 }, overallSampling: { value: 100 } } }, 50],
  ])('samples as %s says', (_what, message, rate) => {
    expect(manager({ http: message }).tracing?.randomSampling ?? null).toBe(rate)
  })

  const text = (format: string): AccessLogConfig['format'] => ({ kind: 'text', text: format })
  const stdout = (format: MessageInitShape<typeof StdoutAccessLogSchema>['accessLogFormat']): Any =>
    pack(StdoutAccessLogSchema, { accessLogFormat: format ?? { case: undefined } })
  const file = (format: MessageInitShape<typeof FileAccessLogSchema>['accessLogFormat']): Any =>
    pack(FileAccessLogSchema, { path: '/tmp/log', accessLogFormat: format ?? { case: undefined } })

  it.each<[string, Any, AccessLogConfig]>([
    ['a file with the default format', file(undefined), { path: '/tmp/log', format: text(ENVOY_TEXT_FORMAT) }],
    [
      'a file with the older text format',
      file({ case: 'format', value: 'x' }),
      { path: '/tmp/log', format: text('x') },
    ],
    [
      'a file with the older JSON format',
      file({ case: 'jsonFormat', value: { a: 'b' } }),
      { path: '/tmp/log', format: { kind: 'json', fields: { a: 'b' } } },
    ],
    [
      'text_format',
      file({ case: 'logFormat', value: { format: { case: 'textFormat', value: 'x' } } }),
      { path: '/tmp/log', format: text('x') },
    ],
    [
      'json_format',
      file({ case: 'logFormat', value: { format: { case: 'jsonFormat', value: { a: { b: 'c' } } } } }),
      { path: '/tmp/log', format: { kind: 'json', fields: { a: { b: 'c' } } } },
    ],
    ['stdout with the default format', stdout(undefined), { path: '/dev/stdout', format: text(ENVOY_TEXT_FORMAT) }],
    [
      'stdout with an inline source',
      stdout({
        case: 'logFormat',
        value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: 'x' } } } },
      }),
      { path: '/dev/stdout', format: text('x') },
    ],
    ['stderr', pack(StderrAccessLogSchema), { path: '/dev/stderr', format: text(ENVOY_TEXT_FORMAT) }],
  ])('reads an access log to %s', (_what, config, log) => {
    const accessLog = [{ name: 'l', configType: { case: 'typedConfig' as const, value: config } }]
    expect(manager({ http: { accessLog } }).accessLogs).toEqual([log])
  })

  it('leaves out access loggers that it does not know, with a warning', () => {
    const accessLog = [{ name: 'l', configType: { case: 'typedConfig' as const, value: pack(RouterSchema) } }]
    expect(manager({ http: { accessLog } }).accessLogs).toEqual([])
    expect(warnings(api({ http: { accessLog } }))).toEqual([
      'api_listener.api_listener.access_log[0]: ignored: access logger envoy.extensions.filters.http.router.v3.Router is not known',
    ])
  })

  it('keeps a TLS socket as bytes and takes raw_buffer for plaintext', () => {
    const tls = accepted(
      chain({
        filters: [filter(http())],
        transportSocket: {
          name: 'tls',
          configType: {
            case: 'typedConfig',
            value: pack(DownstreamTlsContextSchema, { requireClientCertificate: true }),
          },
        },
      }),
    )
    expect(tls.filterChains[0]?.transportSocket).toMatchObject({
      name: 'tls',
      typeUrl: 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    })
    const raw = chain({ filters: [filter(http())], transportSocket: { name: 'envoy.transport_sockets.raw_buffer' } })
    expect(accepted(raw).filterChains[0]?.transportSocket).toBe(null)
  })

  it('reads a filter chain match', () => {
    const match = accepted(
      chain({
        filters: [filter(http())],
        filterChainMatch: {
          destinationPort: 80,
          transportProtocol: 'tls',
          applicationProtocols: ['istio'],
          serverNames: ['*.B.com'],
          prefixRanges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }],
          sourcePrefixRanges: [{ addressPrefix: '::' }],
        },
      }),
    ).filterChains[0]?.match
    expect(match).toEqual({
      destinationPort: 80,
      transportProtocol: 'tls',
      applicationProtocols: ['istio'],
      serverNames: ['*.b.com'],
      prefixRanges: ['10.0.0.0/8'],
      sourcePrefixRanges: ['::/0'],
    })
  })

  it('has no connection manager where a chain ends in TCP, and says so', () => {
    const bytes = chain({ filters: [filter(pack(TcpProxySchema))] })
    expect(accepted(bytes).filterChains[0]?.http).toBe(null)
    expect(warnings(bytes)).toEqual([
      'filter_chains[0].filters[0]: ignored: network filter envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy is not known',
    ])
  })

  const A = 'api_listener.api_listener'
  const router = { name: 'router', configType: { case: 'typedConfig' as const, value: pack(RouterSchema) } }
  const fault = { name: 'fault', configType: { case: 'typedConfig' as const, value: pack(HTTPFaultSchema) } }

  it.each<[string, Uint8Array, string]>([
    ['no name', apiListener({ name: '', rds: 'r' }).value, 'name: is empty'],
    [
      'an api_listener that is none',
      apiListener({ name: 'a', rds: 'r', message: { apiListener: { apiListener: pack(RouterSchema) } } }).value,
      `${A}: envoy.extensions.filters.http.router.v3.Router is no HTTP connection manager`,
    ],
    ['no routes', api({ http: { routeSpecifier: { case: undefined } } }), `${A}: has neither rds nor route_config`],
    ['RDS without a name', apiListener({ name: 'a', rds: '' }).value, `${A}.rds.route_config_name: is empty`],
    [
      'scoped routes',
      api({ http: { routeSpecifier: { case: 'scopedRoutes', value: {} } } }),
      `${A}.scoped_routes: refused: scoped routes are not followed`,
    ],
    ['no router', api({ http: { httpFilters: [] } }), `${A}.http_filters: has no router`],
    [
      'a filter after the router',
      api({ http: { httpFilters: [router, fault] } }),
      `${A}.http_filters[1]: the last filter must be the router`,
    ],
    [
      'a router before the end',
      api({ http: { httpFilters: [router, fault] } }),
      `${A}.http_filters[0]: the router must be the last filter`,
    ],
    [
      'a filter name twice',
      api({ http: { httpFilters: [fault, fault, router] } }),
      `${A}.http_filters[1].name: "fault" is there twice`,
    ],
    [
      'a filter that is to be discovered',
      api({ http: { httpFilters: [{ name: 'x', configType: { case: 'configDiscovery', value: {} } }, router] } }),
      `${A}.http_filters[0].config_discovery: ECDS is not followed: a filter would be missing`,
    ],
    [
      'inline routes that are wrong',
      apiListener({ name: 'a', routes: { virtualHosts: [{ name: 'v', domains: ['*'], routes: [{ cluster: '' }] }] } })
        .value,
      `${A}.route_config.virtual_hosts[0].routes[0].route.cluster: is empty`,
    ],
    [
      'a network filter that enforces security',
      chain({ filters: [filter(pack(RBACSchema)), filter(http())] }),
      'filter_chains[0].filters[0]: network filter envoy.extensions.filters.network.rbac.v3.RBAC enforces security and cannot be honoured yet',
    ],
    [
      'a filter after the connection manager',
      chain({ filters: [filter(http()), filter(pack(TcpProxySchema))] }),
      'filter_chains[0].filters[0]: the connection manager must be the last filter',
    ],
    [
      'source ports',
      chain({ filters: [filter(http())], filterChainMatch: { sourcePorts: [1] } }),
      'filter_chains[0].filter_chain_match.source_ports: refused: the wrong filter chain would be chosen',
    ],
    [
      'an unknown transport protocol',
      chain({ filters: [filter(http())], filterChainMatch: { transportProtocol: 'quic' } }),
      'filter_chains[0].filter_chain_match.transport_protocol: "quic" is not known',
    ],
    [
      'port 0 in a match',
      chain({ filters: [filter(http())], filterChainMatch: { destinationPort: 0 } }),
      'filter_chains[0].filter_chain_match.destination_port: 0 is no port',
    ],
    [
      'a range that is none',
      chain({ filters: [filter(http())], filterChainMatch: { prefixRanges: [{ addressPrefix: 'x', prefixLen: 8 }] } }),
      'filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: "x" is no IP address',
    ],
    [
      'a wildcard within a server name',
      chain({ filters: [filter(http())], filterChainMatch: { serverNames: ['a.*'] } }),
      'filter_chains[0].filter_chain_match.server_names[0]: "a.*": a wildcard stands first and alone',
    ],
  ])('refuses %s', (_what, bytes, error) => expect(errors(bytes)).toContain(error))

  it('leaves out a filter that is to be discovered and optional', () => {
    const httpFilters = [
      { name: 'x', isOptional: true, configType: { case: 'configDiscovery' as const, value: {} } },
      router,
    ]
    expect(manager({ http: { httpFilters } }).httpFilters).toEqual([])
  })

  it('reports fields of the connection manager that it does not honour', () => {
    expect(warnings(api({ http: { normalizePath: true, via: 'x' } }))).toEqual([
      `${A}.via: ignored: not honoured yet`,
      `${A}.normalize_path: ignored: paths are taken as they are`,
    ])
  })

  it('never throws on hostile bytes', () => {
    const good = inbound()
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = good.slice()
          for (const [at, value] of changes) bytes[at] = value
          const decoded = listenerType.decode(bytes, ORIGIN)
          if (!decoded.ok) expect(decoded.errors.length).toBeGreaterThan(0)
        },
      ),
      { numRuns: 500 },
    )
  })
})
