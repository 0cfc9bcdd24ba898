// Decodes RouteConfiguration. Virtual hosts are read apart from each other: one whose bytes are those of the last time is
// the same object again, so that a changed weight in one of a thousand hosts costs one host, here and in route/.
import { fromBinary, RouteConfigurationSchema, toBinary, VirtualHostSchema } from '../gen/messages.js'
import { BinaryReader, WireType } from '../gen/wire.js'
import type { RouteConfiguration as RouteConfigurationMessage } from '../gen/envoy/config/route/v3/route_pb.ts'
import type { Decoded, ResourceType } from '../xds/resource-type.ts'
import { decodeHeaderMutations, decodeMetadata, istioConfig } from './core-messages.decode.ts'
import { decodeOverrides } from './filter-overrides.decode.ts'
import { decodeSafely, Findings } from './findings.ts'
import { MatcherDecoder } from './matchers.decode.ts'
import { decodeRetryPolicy } from './retry-policy.decode.ts'
import { RouteDecoder } from './route.decode.ts'
import { routeConfigurationSupport } from './route-configuration.support.ts'
import type { RouteConfiguration, VirtualHost } from './route-configuration.ts'

/** RDS. */
export const routeConfigurationType: ResourceType<RouteConfiguration> = {
  typeUrl: `type.googleapis.com/${RouteConfigurationSchema.typeName}`,
  shortName: 'RouteConfiguration',
  fullState: false,
  decode: (bytes, origin) => decodeSafely(bytes, () => decode(bytes, origin.version)),
}

function decode(bytes: Uint8Array, version: string): Decoded<RouteConfiguration> {
  const findings = new Findings()
  const configuration = decodeParts(bytes, version, findings)
  if (configuration.name === '') findings.error('name', 'is empty')
  return findings.decoded(configuration.name, configuration)
}

/** A route configuration that stands inside a Listener, where it needs no name. */
export function decodeInlineRouteConfiguration(
  message: RouteConfigurationMessage,
  version: string,
  path: string,
  findings: Findings,
): RouteConfiguration {
  const own = new Findings()
  const configuration = decodeParts(toBinary(RouteConfigurationSchema, message), version, own)
  findings.merge(own, path)
  return configuration
}

interface DecodedHost {
  readonly host: VirtualHost
  readonly findings: Findings
  readonly bytes: Uint8Array
  readonly maxDirectResponseBytes: number
}

function decodeParts(bytes: Uint8Array, version: string, findings: Findings): RouteConfiguration {
  const { rest, virtualHosts } = splitVirtualHosts(bytes)
  const message = fromBinary(RouteConfigurationSchema, rest)
  routeConfigurationSupport.report(RouteConfigurationSchema, message, '', findings)
  const maxBytes = message.maxDirectResponseBodySizeBytes ?? MAX_DIRECT_RESPONSE_BYTES
  const before = lastDecoded.get(message.name)?.deref() ?? NOTHING_BEFORE
  const hosts = virtualHosts.map((host) => before.find(host, maxBytes) ?? decodeVirtualHost(host, maxBytes))
  hosts.forEach((host, i) => findings.merge(host.findings, `virtual_hosts[${i}]`))
  const configuration: RouteConfiguration = {
    origin: {
      type: 'RouteConfiguration',
      name: message.name,
      version,
      config: istioConfig(decodeMetadata(message.metadata)),
    },
    name: message.name,
    virtualHosts: hosts.map(({ host }) => host),
    ignorePortInHostMatching: message.ignorePortInHostMatching,
    headers: decodeHeaderMutations(message, '', findings),
    mostSpecificHeaderMutationsWins: message.mostSpecificHeaderMutationsWins,
    filterOverrides: decodeOverrides(message.typedPerFilterConfig, 'typed_per_filter_config', findings),
  }
  checkDomains(configuration.virtualHosts, findings)
  if (!findings.hasErrors) remember(configuration, new DecodedHosts(hosts))
  return configuration
}

function decodeVirtualHost(bytes: Uint8Array, maxDirectResponseBytes: number): DecodedHost {
  const message = fromBinary(VirtualHostSchema, bytes)
  const findings = new Findings()
  routeConfigurationSupport.report(VirtualHostSchema, message, '', findings)
  const matchers = new MatcherDecoder(findings)
  const routes = new RouteDecoder(findings, matchers, maxDirectResponseBytes)
  if (message.name === '') findings.error('name', 'is empty')
  const host: VirtualHost = {
    name: message.name,
    domains: message.domains,
    routes: message.routes.map((route, i) => routes.decode(route, `routes[${i}]`)),
    retryPolicy: decodeRetryPolicy(message.retryPolicy, 'retry_policy', findings, matchers),
    headers: decodeHeaderMutations(message, '', findings),
    includeAttemptCountInRequest: message.includeRequestAttemptCount,
    includeAttemptCountInResponse: message.includeAttemptCountInResponse,
    filterOverrides: decodeOverrides(message.typedPerFilterConfig, 'typed_per_filter_config', findings),
    metadata: decodeMetadata(message.metadata),
  }
  return { host, findings, bytes, maxDirectResponseBytes }
}

/** Envoy: at least one domain each, no domain twice, case not counted. */
function checkDomains(hosts: readonly VirtualHost[], findings: Findings): void {
  const owners = new Map<string, number>()
  hosts.forEach((host, i) => {
    if (host.domains.length === 0) findings.error(`virtual_hosts[${i}].domains`, 'is empty')
    host.domains.forEach((domain, j) => {
      const at = `virtual_hosts[${i}].domains[${j}]`
      const key = domain.toLowerCase()
      const owner = owners.get(key)
      if (domain === '') findings.error(at, 'is empty')
      else if (owner !== undefined) findings.error(at, `"${domain}" is already a domain of virtual_hosts[${owner}]`)
      owners.set(key, owner ?? i)
    })
  })
}

/** The encoded virtual hosts of a RouteConfiguration, and the message without them. */
function splitVirtualHosts(bytes: Uint8Array): { readonly rest: Uint8Array; readonly virtualHosts: Uint8Array[] } {
  const reader = new BinaryReader(bytes)
  const rest: Uint8Array[] = []
  const virtualHosts: Uint8Array[] = []
  while (reader.pos < reader.len) {
    const start = reader.pos
    const [field, wireType] = reader.tag()
    if (field === VIRTUAL_HOSTS && wireType === WireType.LengthDelimited) virtualHosts.push(reader.bytes())
    else {
      reader.skip(wireType, field)
      rest.push(bytes.subarray(start, reader.pos))
    }
  }
  return { rest: Buffer.concat(rest), virtualHosts }
}

/** The virtual hosts that were decoded last for one route configuration. */
class DecodedHosts {
  readonly #byName = new Map<string, DecodedHost>()

  constructor(hosts: readonly DecodedHost[]) {
    for (const host of hosts) this.#byName.set(host.host.name, host)
  }

  /** The one with these bytes, holding on to the new bytes so that the old message can go. */
  find(bytes: Uint8Array, maxDirectResponseBytes: number): DecodedHost | null {
    const known = this.#byName.get(nameOf(bytes))
    if (known === undefined || known.maxDirectResponseBytes !== maxDirectResponseBytes) return null
    return Buffer.compare(known.bytes, bytes) === 0 ? { ...known, bytes } : null
  }
}

function nameOf(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes)
  return reader.len > 0 && reader.uint32() === NAME_TAG ? reader.string() : ''
}

// A configuration that nobody holds any more takes what was decoded with it.
const lastDecoded = new Map<string, WeakRef<DecodedHosts>>()
const decodedHosts = new WeakMap<RouteConfiguration, DecodedHosts>()
const forget = new FinalizationRegistry<string>((name) => {
  if (lastDecoded.get(name)?.deref() === undefined) lastDecoded.delete(name)
})

function remember(configuration: RouteConfiguration, hosts: DecodedHosts): void {
  lastDecoded.set(configuration.name, new WeakRef(hosts))
  decodedHosts.set(configuration, hosts)
  forget.register(hosts, configuration.name)
}

const NOTHING_BEFORE = new DecodedHosts([])
const VIRTUAL_HOSTS = 2
const NAME_TAG = (1 << 3) | WireType.LengthDelimited
/** max_direct_response_body_size_bytes when it is not set. */
const MAX_DIRECT_RESPONSE_BYTES = 4096
