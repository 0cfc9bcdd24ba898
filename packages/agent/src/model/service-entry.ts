// ServiceEntry: a service that is not one of Kubernetes, inside or outside the mesh (networking.istio.io).
import { isIP } from 'node:net'
import { z } from 'zod'
import { hostName, list, map, message, notHonoured, oneOf, optional, port } from './field.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'
import type { Labels } from './labels.ts'
import { protocolOf, type Protocol } from './protocol.ts'
import { workloadEntry, type WorkloadEntry } from './workload-entry.ts'

/** Spec of a ServiceEntry. */
export interface ServiceEntry {
  readonly hosts: readonly string[]
  /** Virtual IP addresses and CIDR ranges. */
  readonly addresses: readonly string[]
  readonly ports: readonly {
    readonly number: number
    readonly name: string
    readonly protocol: Protocol
    readonly targetPort: number | null
  }[]
  readonly location: 'MESH_EXTERNAL' | 'MESH_INTERNAL' | null
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS' | null
  readonly endpoints: readonly WorkloadEntry[]
  readonly workloadSelector: { readonly labels: Labels } | null
  readonly exportTo: readonly string[]
  readonly subjectAltNames: readonly string[]
}

const protocol: z.ZodType<Protocol, unknown> = z
  .string()
  .nullable()
  .default('')
  .transform((name, ctx): Protocol => {
    if (name === null || name === '') return 'auto'
    const known = protocolOf(name)
    if (known !== null) return known
    ctx.addIssue({
      code: 'custom',
      message: `"${name}" is not a protocol: use HTTP, HTTPS, HTTP2, GRPC, TLS, TCP or MONGO`,
    })
    return z.NEVER
  }) as never

const spec: z.ZodType<ServiceEntry> = message({
  hosts: list(hostName(true)),
  addresses: list(z.string()),
  ports: list(message({ number: port, name: z.string().min(1), protocol, targetPort: optional(port) })),
  location: optional(oneOf('MESH_EXTERNAL', 'MESH_INTERNAL')),
  resolution: optional(oneOf('NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS')),
  endpoints: list(workloadEntry),
  workloadSelector: optional(message({ labels: map(z.string()) })),
  exportTo: list(z.string()),
  subjectAltNames: list(z.string()),
}).superRefine((given, ctx) => {
  const refuse = (path: (string | number)[], message: string) => ctx.addIssue({ code: 'custom', path, message })
  if (given.hosts.length === 0) refuse(['hosts'], 'is missing: name the hosts of the service')
  given.hosts.forEach((host, i) => {
    if (host === '*') refuse(['hosts', i], 'can\'t be "*": name the hosts')
    if (given.hosts.indexOf(host) !== i) refuse(['hosts', i], `"${host}" is there twice: remove one`)
  })
  given.ports.forEach(({ number, name }, i) => {
    const twice = given.ports.findIndex((other) => other.number === number || other.name === name)
    if (twice !== i) refuse(['ports', i], `repeats the number or name of ports[${twice}]: both must differ`)
  })
  checkEndpoints(given, refuse)
})

function checkEndpoints(given: ServiceEntry, refuse: (path: (string | number)[], message: string) => void): void {
  if (given.workloadSelector !== null && given.endpoints.length > 0) {
    refuse(['workloadSelector'], 'stands beside endpoints: give one of them')
  }
  const resolution = given.resolution ?? 'NONE'
  if ((resolution === 'NONE' || resolution === 'DYNAMIC_DNS') && given.endpoints.length > 0) {
    refuse(['resolution'], `is ${resolution}, which has no endpoints: use STATIC or DNS`)
  }
  if (resolution === 'DNS_ROUND_ROBIN' && given.endpoints.length > 1) {
    refuse(['endpoints'], 'has more than one, and resolution DNS_ROUND_ROBIN takes one: use DNS')
  }
  const byName = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN'
  if (byName && given.endpoints.length === 0 && given.workloadSelector === null) {
    given.hosts.forEach((host, i) => {
      if (host.startsWith('*')) refuse(['hosts', i], 'is a wildcard, which has no address to look up: give endpoints')
    })
  }
  given.endpoints.forEach((endpoint, i) => {
    if (endpoint.address === '') refuse(['endpoints', i], 'has no address: give one')
    else if (resolution === 'STATIC' && isIP(endpoint.address) === 0 && !endpoint.address.startsWith('unix://')) {
      refuse(
        ['endpoints', i, 'address'],
        `"${endpoint.address}" is not an IP address: resolution STATIC needs one, DNS takes names`,
      )
    }
    for (const name of Object.keys(endpoint.ports)) {
      if (given.ports.some((own) => own.name === name)) continue
      refuse(['endpoints', i, 'ports', name], `"${name}" is not the name of a port of this service`)
    }
  })
}

/** The kind ServiceEntry. */
export const SERVICE_ENTRY: Kind<ServiceEntry> = {
  group: 'networking.istio.io',
  versions: NETWORKING_VERSIONS,
  kind: 'ServiceEntry',
  body: 'spec',
  namespaced: true,
  schema: spec,
  check(given, report) {
    notHonoured(report, [], given, ['subjectAltNames'])
    if (given.resolution === 'DYNAMIC_DNS') {
      report(
        'warning',
        ['resolution'],
        'DYNAMIC_DNS is not honoured yet: the address that the caller asks for is dialled',
      )
    }
  },
}
