// The HTTP connection manager of a listener (extensions/filters/network/http_connection_manager/v3).
import { fromBinary, HttpConnectionManagerSchema } from '../gen/messages.js'
import type { Any } from '@bufbuild/protobuf/wkt'
import type {
  HttpConnectionManager as HttpConnectionManagerMessage,
  HttpFilter,
} from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { decodeAccessLogs } from './access-log.decode.ts'
import { durationMs, typeName } from './core-messages.decode.ts'
import type { Findings } from './findings.ts'
import { listenerSupport } from './listener.support.ts'
import type { HttpConnectionManager, HttpFilterConfig } from './listener.ts'
import { decodeInlineRouteConfiguration } from './route-configuration.decode.ts'

/** Full name of its message. */
export const HTTP_CONNECTION_MANAGER: string = HttpConnectionManagerSchema.typeName

/** Decodes the manager that `config` carries. */
export function decodeHttpConnectionManager(
  config: Any,
  version: string,
  path: string,
  findings: Findings,
): HttpConnectionManager {
  const message = fromBinary(HttpConnectionManagerSchema, config.value)
  const { routeSpecifier: routes } = message
  // Inline routes have a table and a report of their own.
  const inline = routes.case === 'routeConfig' ? routes.value : null
  if (inline !== null) message.routeSpecifier = { case: undefined }
  listenerSupport.report(HttpConnectionManagerSchema, message, path, findings)
  let routeConfigName: string | null = null
  if (routes.case === 'rds') {
    routeConfigName = routes.value.routeConfigName
    if (routeConfigName === '') findings.error(`${path}.rds.route_config_name`, 'is empty')
    const source = routes.value.configSource?.configSourceSpecifier.case
    if (source !== 'ads' && source !== 'self') findings.error(`${path}.rds.config_source`, 'is neither ads nor self')
  } else if (routes.case === undefined) findings.error(path, 'has neither rds nor route_config')
  return {
    statPrefix: message.statPrefix,
    routeConfigName,
    inlineRouteConfig:
      inline === null ? null : decodeInlineRouteConfiguration(inline, version, `${path}.route_config`, findings),
    httpFilters: decodeHttpFilters(message.httpFilters, `${path}.http_filters`, findings),
    accessLogs: decodeAccessLogs(message.accessLog, `${path}.access_log`, findings),
    tracing: tracing(message, path, findings),
    streamIdleTimeoutMs: durationMs(message.streamIdleTimeout, `${path}.stream_idle_timeout`, findings),
    serverName: message.serverName,
    generateRequestId: message.generateRequestId ?? true,
    preserveExternalRequestId: message.preserveExternalRequestId,
  }
}

// Envoy: every rate is 100 % unless it is set, and overall_sampling caps what is sampled for whatever reason.
function tracing(
  { tracing: given }: HttpConnectionManagerMessage,
  path: string,
  findings: Findings,
): HttpConnectionManager['tracing'] {
  if (given === undefined) return null
  const overall = given.overallSampling?.value ?? 100
  if (overall < 100)
    findings.value('approximated', `${path}.tracing.overall_sampling`, 'it lowers random_sampling and nothing else')
  return { randomSampling: Math.min(given.randomSampling?.value ?? 100, overall) }
}

/** The filters in order, the router left out. gRPC A39 and Envoy: the router is there and last, names are unique. */
function decodeHttpFilters(filters: readonly HttpFilter[], path: string, findings: Findings): HttpFilterConfig[] {
  const decoded: HttpFilterConfig[] = []
  const names = new Set<string>()
  filters.forEach(({ name, configType, isOptional, disabled }, i) => {
    const at = `${path}[${i}]`
    if (name === '') findings.error(`${at}.name`, 'is empty')
    else if (names.has(name)) findings.error(`${at}.name`, `"${name}" is there twice`)
    names.add(name)
    if (configType.case !== 'typedConfig') {
      if (configType.case === undefined) findings.error(`${at}.typed_config`, 'is missing')
      else if (isOptional) findings.value('ignored', `${at}.config_discovery`, 'ECDS is not followed')
      else findings.error(`${at}.config_discovery`, 'ECDS is not followed: a filter would be missing')
      return
    }
    const isRouter = typeName(configType.value) === ROUTER
    if (isRouter !== (i === filters.length - 1))
      findings.error(at, isRouter ? 'the router must be the last filter' : 'the last filter must be the router')
    if (!isRouter)
      decoded.push({ name, typeUrl: typeName(configType.value), value: configType.value.value, isOptional, disabled })
  })
  if (filters.length === 0) findings.error(path, 'has no router')
  return decoded
}

const ROUTER = 'envoy.extensions.filters.http.router.v3.Router'
