// MeshConfig: settings of the whole mesh (istio.mesh.v1alpha1.MeshConfig), from an object of that kind or from the
// ConfigMap `istio`.
import { z } from 'zod'
import {
  anything,
  camelCase,
  duration,
  flag,
  list,
  looseMessage,
  message,
  notHonoured,
  oneOf,
  optional,
  text,
} from './field.ts'
import { httpRetry, type HttpRetry } from './http-retry.ts'
import type { Kind } from './kind.ts'

/** The settings that translation reads, with Istio's defaults filled in. */
export interface MeshConfig {
  /** '' is no access log. */
  readonly accessLogFile: string
  readonly accessLogEncoding: 'TEXT' | 'JSON'
  /** '' is the default format. */
  readonly accessLogFormat: string
  readonly enableTracing: boolean
  /** Share of requests that are traced, 0 to 100; Istio's default is 1. */
  readonly tracingSampling: number
  readonly trustDomain: string
  readonly rootNamespace: string
  readonly outboundTrafficPolicy: 'ALLOW_ANY' | 'REGISTRY_ONLY'
  /** Milliseconds; default 10,000. */
  readonly connectTimeout: number
  readonly defaultServiceExportTo: readonly string[]
  readonly defaultVirtualServiceExportTo: readonly string[]
  readonly defaultDestinationRuleExportTo: readonly string[]
  /** Null is Istio's default policy. */
  readonly defaultHttpRetryPolicy: HttpRetry | null
  readonly h2UpgradePolicy: 'DO_NOT_UPGRADE' | 'UPGRADE'
  /** Milliseconds between look-ups of a DNS cluster; default 60,000. */
  readonly dnsRefreshRate: number
}

/** MeshConfig as it is when nothing is configured. */
export const DEFAULT_MESH_CONFIG: MeshConfig = {
  accessLogFile: '',
  accessLogEncoding: 'TEXT',
  accessLogFormat: '',
  enableTracing: true,
  tracingSampling: 1,
  trustDomain: 'cluster.local',
  rootNamespace: 'istio-system',
  outboundTrafficPolicy: 'ALLOW_ANY',
  connectTimeout: 10_000,
  defaultServiceExportTo: ['*'],
  defaultVirtualServiceExportTo: ['*'],
  defaultDestinationRuleExportTo: ['*'],
  defaultHttpRetryPolicy: null,
  h2UpgradePolicy: 'DO_NOT_UPGRADE',
  dnsRefreshRate: 60_000,
}

// Fields of Istio's MeshConfig that nothing here reads yet.
const LATER: readonly string[] = (
  'accessLogging ca caCertificates certificates connectTimeoutMs defaultDestinationRuleTls defaultInboundHttpRetryPolicy ' +
  'defaultProviders defaultTrafficPolicy disableEnvoyListenerLog disableMixerHttpReports discoverySelectors ' +
  'enableAutoMtls enableEnvoyAccessLogService enablePrometheusMerge extensionProviders hboneIdleTimeout ' +
  'inboundClusterStatName inboundTrafficPolicy ingressClass ingressControllerMode ingressSelector ingressService ' +
  'localityLbSetting meshMTLS outboundClusterStatName pathNormalization pathNormalisation protocolDetectionTimeout ' +
  'proxyHttpPort proxyInboundListenPort proxyListenPort reportBatchMaxEntries reportBatchMaxTime serviceScopeConfigs ' +
  'serviceSettings tcpKeepalive thriftConfig tlsDefaults trustDomainAliases verifyCertificateAtClient configSources'
)
  .split(' ')
  .filter((name) => name !== '')

const RETRY_DEFAULTS = optional(httpRetry)

const fields = {
  accessLogFile: text,
  accessLogEncoding: optional(oneOf('TEXT', 'JSON')),
  accessLogFormat: text,
  enableTracing: flag,
  trustDomain: text,
  rootNamespace: text,
  outboundTrafficPolicy: optional(message({ mode: optional(oneOf('ALLOW_ANY', 'REGISTRY_ONLY')) })),
  connectTimeout: optional(duration()),
  dnsRefreshRate: optional(duration()),
  defaultServiceExportTo: list(z.string()),
  defaultVirtualServiceExportTo: list(z.string()),
  defaultDestinationRuleExportTo: list(z.string()),
  defaultHttpRetryPolicy: RETRY_DEFAULTS,
  h2UpgradePolicy: optional(oneOf('DO_NOT_UPGRADE', 'UPGRADE')),
  // ProxyConfig: the agent and the injector read the rest.
  defaultConfig: optional(
    looseMessage({ tracing: optional(looseMessage({ sampling: optional(z.number().min(0).max(100)) })) }),
  ),
}

const schema: z.ZodType<MeshConfig> = message({
  ...fields,
  ...Object.fromEntries(LATER.map((name) => [name, anything])),
}).transform((raw, ctx): MeshConfig => {
  const given = raw as z.output<z.ZodObject<typeof fields>>
  if (given.accessLogEncoding === 'JSON' && given.accessLogFormat !== '' && !isJsonObject(given.accessLogFormat)) {
    const hint = 'must be a JSON object because accessLogEncoding is JSON'
    ctx.addIssue({ code: 'custom', path: ['accessLogFormat'], message: hint })
  }
  const base = DEFAULT_MESH_CONFIG
  const policy = given.outboundTrafficPolicy
  return {
    accessLogFile: given.accessLogFile,
    accessLogEncoding: given.accessLogEncoding ?? base.accessLogEncoding,
    accessLogFormat: given.accessLogFormat,
    enableTracing: given.enableTracing ?? base.enableTracing,
    tracingSampling: given.defaultConfig?.tracing?.sampling ?? base.tracingSampling,
    trustDomain: given.trustDomain || base.trustDomain,
    rootNamespace: given.rootNamespace || base.rootNamespace,
    // REGISTRY_ONLY is the zero of the enum: a block without a mode means it.
    outboundTrafficPolicy: policy === null ? base.outboundTrafficPolicy : (policy.mode ?? 'REGISTRY_ONLY'),
    connectTimeout: given.connectTimeout ?? base.connectTimeout,
    defaultServiceExportTo: orDefault(given.defaultServiceExportTo),
    defaultVirtualServiceExportTo: orDefault(given.defaultVirtualServiceExportTo),
    defaultDestinationRuleExportTo: orDefault(given.defaultDestinationRuleExportTo),
    defaultHttpRetryPolicy: given.defaultHttpRetryPolicy,
    h2UpgradePolicy: given.h2UpgradePolicy ?? base.h2UpgradePolicy,
    dnsRefreshRate: given.dnsRefreshRate ?? base.dnsRefreshRate,
  }
}) as never

function orDefault(exportTo: readonly string[]): readonly string[] {
  return exportTo.length === 0 ? ['*'] : exportTo
}

function isJsonObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** The kind MeshConfig; its fields stand in `spec` or beside apiVersion and kind. */
export const MESH_CONFIG: Kind<MeshConfig> = {
  group: 'mesh.istio.io',
  versions: ['v1alpha1'],
  kind: 'MeshConfig',
  body: 'spec',
  namespaced: true,
  schema,
  check(_, report, raw) {
    notHonoured(
      report,
      [],
      raw,
      Object.keys(raw).filter((key) => LATER.includes(camelCase(key))),
    )
  },
}
