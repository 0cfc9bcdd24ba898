// Options of a mesh and the environment variables that stand for them: an option wins. docs/configuration.md lists them.
import { isIP } from 'node:net'
import type { Environment, HostFacts } from './runtime/environment.ts'
import { MeshError } from './runtime/errors.ts'
import { isXdsAddress } from './xds/grpc-transport.ts'
import type { WorkloadIdentity } from './xds/node.ts'

/** Ways to ask for configuration. */
export const DISCOVERY_MODES = ['auto', 'on-demand', 'sidecar'] as const
export type DiscoveryMode = (typeof DISCOVERY_MODES)[number]

/** What happens before the first configuration. */
export const BOOTSTRAP_MODES = ['cache', 'wait', 'bypass'] as const
export type BootstrapMode = (typeof BOOTSTRAP_MODES)[number]

/** Variants of the xDS protocol. */
export const XDS_VARIANTS = ['delta', 'sotw'] as const
export type XdsVariant = (typeof XDS_VARIANTS)[number]

/** Who this workload is. */
export interface WorkloadOptions {
  /** `POD_NAME`. Default: the host's name. */
  readonly name?: string
  /** `POD_NAMESPACE`. Default `default`. */
  readonly namespace?: string
  /** `ISTIO_META_LABELS`, a JSON object of strings. Default `{}`. */
  readonly labels?: Readonly<Record<string, string>>
  /** `SERVICE_ACCOUNT`. Default `default`. */
  readonly serviceAccount?: string
  /** `INSTANCE_IP`: the address that endpoints of this workload carry. Default: the host's first address. */
  readonly ip?: string
}

/** What an application may say; each option wins over its environment variable. */
export interface MeshOptions {
  /** `INMESH_XDS`: the control plane, `unix:///path` or `host:port`. Default `unix:///run/inmesh/xds.sock`. */
  readonly xds?: string
  /** `INMESH_DISCOVERY`: `auto`, `on-demand` (our agent) or `sidecar` (istiod). Default `auto`. */
  readonly discovery?: DiscoveryMode
  readonly workload?: WorkloadOptions
  /** `ISTIO_META_AUTO_REGISTER_GROUP`: the WorkloadGroup to register under. Default: none. */
  readonly group?: string
  /** `TRUST_DOMAIN`. Default `cluster.local`. */
  readonly trustDomain?: string
  /** `INMESH_STATE_DIR`: folder of the last good configuration. Default: none. */
  readonly state?: string
  /** `INMESH_BOOTSTRAP`: `cache`, `wait` or `bypass`. Default `cache`. */
  readonly bootstrap?: BootstrapMode
  /** `INMESH_WAIT` (`5s`, `500ms`; a bare number is seconds): milliseconds that `cache` waits without a state. Default 5,000. */
  readonly waitMs?: number
  /** `INMESH_ADMIN`: `HOST:PORT` of this process's metrics, readiness and config dump. Default: none. */
  readonly admin?: string
  /** `INMESH_XDS_VARIANT`: `delta` or `sotw`. Default `delta`. */
  readonly xdsVariant?: XdsVariant
  /** `INMESH_TEST_SEED`: makes every dice of this process repeatable. For tests only. Default: none. */
  readonly testSeed?: number
}

/** Options with nothing left open. */
export interface ResolvedOptions {
  /** `INMESH_DISABLED`: everything passes through untouched. */
  readonly disabled: boolean
  readonly xds: string
  readonly xdsVariant: XdsVariant
  readonly discovery: DiscoveryMode
  readonly workload: WorkloadIdentity
  readonly state: string | null
  readonly bootstrap: BootstrapMode
  readonly waitMs: number
  readonly admin: { readonly host: string; readonly port: number } | null
  readonly testSeed: number | null
}

/** Puts options, environment and defaults together. Throws MESH_OPTION_INVALID for a value that can't be used. */
export function resolveOptions(options: MeshOptions, env: Environment, host: HostFacts): ResolvedOptions {
  const xds = given(options.xds, 'xds', env, 'INMESH_XDS')
  const state = given(options.state, 'state', env, 'INMESH_STATE_DIR')
  return {
    disabled: flag(given<string>(undefined, '', env, 'INMESH_DISABLED')),
    xds: check(xds, isXdsAddress, 'unix:///path or host:port') ?? 'unix:///run/inmesh/xds.sock',
    xdsVariant: oneOf(given(options.xdsVariant, 'xdsVariant', env, 'INMESH_XDS_VARIANT'), XDS_VARIANTS) ?? 'delta',
    discovery: oneOf(given(options.discovery, 'discovery', env, 'INMESH_DISCOVERY'), DISCOVERY_MODES) ?? 'auto',
    workload: resolveWorkload(options, env, host),
    state: check(state, () => true, 'a path') ?? null,
    bootstrap: oneOf(given(options.bootstrap, 'bootstrap', env, 'INMESH_BOOTSTRAP'), BOOTSTRAP_MODES) ?? 'cache',
    waitMs: duration(given<string | number>(options.waitMs, 'waitMs', env, 'INMESH_WAIT')) ?? 5000,
    admin: listenAddress(given(options.admin, 'admin', env, 'INMESH_ADMIN')),
    testSeed: seed(given<string | number>(options.testSeed, 'testSeed', env, 'INMESH_TEST_SEED')),
  }
}

function resolveWorkload(options: MeshOptions, env: Environment, host: HostFacts): WorkloadIdentity {
  const workload = options.workload ?? {}
  const name = check(given(workload.name, 'workload.name', env, 'POD_NAME'), isName, NAME_RULE)
  const namespace = check(
    given(workload.namespace, 'workload.namespace', env, 'POD_NAMESPACE'),
    isDnsLabel,
    DNS_LABEL_RULE,
  )
  const serviceAccount = check(
    given(workload.serviceAccount, 'workload.serviceAccount', env, 'SERVICE_ACCOUNT'),
    isName,
    NAME_RULE,
  )
  const ip = check(
    given(workload.ip, 'workload.ip', env, 'INSTANCE_IP'),
    (text) => isIP(text) !== 0,
    'an IPv4 or IPv6 address',
  )
  const trustDomain = check(
    given(options.trustDomain, 'trustDomain', env, 'TRUST_DOMAIN'),
    isTrustDomain,
    'letters a-z, digits, ".", "-" and "_"',
  )
  const group = check(given(options.group, 'group', env, 'ISTIO_META_AUTO_REGISTER_GROUP'), isName, NAME_RULE)
  const clusterId = given<string>(undefined, '', env, 'ISTIO_META_CLUSTER_ID')
  return {
    name: name ?? host.hostName,
    namespace: namespace ?? 'default',
    labels: labels(given<unknown>(workload.labels, 'workload.labels', env, 'ISTIO_META_LABELS')),
    serviceAccount: serviceAccount ?? 'default',
    ips: [ip ?? host.addresses[0] ?? '127.0.0.1'],
    trustDomain: trustDomain ?? 'cluster.local',
    clusterId: clusterId?.value ?? 'Kubernetes',
    group: group ?? null,
    metadata: istioMetadata(env),
  }
}

/** A value and where it was given. */
interface Given<T> {
  readonly value: T
  /** Such as `option xds` or `environment variable INMESH_XDS`. */
  readonly from: string
}

/** The option, else the variable; null for neither. An empty variable is not given: manifests often leave one so. */
function given<T>(value: T | undefined, option: string, env: Environment, variable: string): Given<T | string> | null {
  if (value !== undefined) return { value, from: `option ${option}` }
  const text = env[variable]
  return text === undefined || text === '' ? null : { value: text, from: `environment variable ${variable}` }
}

function invalid(of: Given<unknown>, allowed: string): MeshError {
  return new MeshError('MESH_OPTION_INVALID', `${of.from} is ${JSON.stringify(of.value)}, which is not ${allowed}`, {
    hint: `Set it to ${allowed}, or leave it out for the default.`,
  })
}

function check(of: Given<string> | null, valid: (text: string) => boolean, allowed: string): string | null {
  if (of === null) return null
  if (typeof of.value !== 'string' || of.value === '' || !valid(of.value)) throw invalid(of, allowed)
  return of.value
}

function oneOf<T extends string>(of: Given<string> | null, allowed: readonly T[]): T | null {
  if (of === null) return null
  const found = allowed.find((value) => value === of.value)
  if (found === undefined) throw invalid(of, `one of ${allowed.join(', ')}`)
  return found
}

function flag(of: Given<string> | null): boolean {
  if (of === null || of.value === '0' || of.value === 'false') return false
  if (of.value === '1' || of.value === 'true') return true
  throw invalid(of, 'one of 1, true, 0, false')
}

/** Milliseconds: a number of them as an option, a duration as a variable. */
function duration(of: Given<string | number> | null): number | null {
  if (of === null) return null
  if (typeof of.value === 'number') {
    if (!(of.value >= 0 && of.value <= LONGEST_WAIT_MS))
      throw invalid(of, 'a number of milliseconds from 0 to 86400000')
    return of.value
  }
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(of.value) ?? []
  const ms = Number(amount) * (unit === 'ms' ? 1 : unit === 'm' ? 60_000 : 1000)
  if (!(ms <= LONGEST_WAIT_MS)) throw invalid(of, 'a duration such as 5s, 500ms or 1m, at most a day')
  return ms
}

function listenAddress(of: Given<string> | null): { host: string; port: number } | null {
  if (of === null) return null
  const [, host, port] =
    (typeof of.value === 'string' ? /^(\[[0-9a-fA-F:.]+\]|[^:[\]/\s]+):(\d{1,5})$/.exec(of.value) : null) ?? []
  if (host === undefined || Number(port) > 65_535) throw invalid(of, 'HOST:PORT')
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

function seed(of: Given<string | number> | null): number | null {
  if (of === null) return null
  const value = typeof of.value === 'number' ? of.value : /^\d+$/.test(of.value) ? Number(of.value) : Number.NaN
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw invalid(of, 'a whole number from 0 to 4294967295')
  return value
}

function labels(of: Given<unknown> | null): Readonly<Record<string, string>> {
  if (of === null) return {}
  const value = typeof of.value === 'string' ? parsed(of.value) : of.value
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject || !Object.values(value).every((label) => typeof label === 'string')) {
    throw invalid(of, 'a JSON object whose values are strings')
  }
  return value as Record<string, string>
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** ISTIO_META_NAME is metadata NAME, a string. Those that are options themselves come from there. */
function istioMetadata(env: Environment): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('ISTIO_META_') || value === undefined) continue
    const name = variable.slice('ISTIO_META_'.length)
    if (name !== '' && !OPTIONS_AMONG_METADATA.has(name)) metadata[name] = value
  }
  return metadata
}

const isName = (text: string): boolean => /^[^~\s]{1,253}$/.test(text)
const isDnsLabel = (text: string): boolean => /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text)
const isTrustDomain = (text: string): boolean => /^[a-z0-9._-]{1,255}$/.test(text)

const NAME_RULE = 'a name of 1 to 253 characters without white space and "~"'
const DNS_LABEL_RULE = 'a DNS label (1 to 63 of a-z, 0-9 and "-")'
const LONGEST_WAIT_MS = 86_400_000
const OPTIONS_AMONG_METADATA: ReadonlySet<string> = new Set(['LABELS', 'AUTO_REGISTER_GROUP', 'CLUSTER_ID'])
