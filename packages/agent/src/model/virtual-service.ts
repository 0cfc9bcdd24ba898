// VirtualService: routes of the requests to a host (networking.istio.io).
import { z } from 'zod'
import { anything, hostName, list, message, notHonoured } from './field.ts'
import { hostsOverlap } from './host-name.ts'
import { httpRoute, type HttpRoute } from './http-route.ts'
import { NETWORKING_VERSIONS, type Kind } from './kind.ts'

/** Spec of a VirtualService. */
export interface VirtualService {
  /** As written: short names belong to the object's namespace. */
  readonly hosts: readonly string[]
  /** Empty is `mesh`: the workloads of the mesh themselves. */
  readonly gateways: readonly string[]
  readonly http: readonly HttpRoute[]
  readonly tls: unknown
  readonly tcp: unknown
  /** Namespaces that see it; empty is the mesh's default. */
  readonly exportTo: readonly string[]
}

const spec: z.ZodType<VirtualService> = message({
  hosts: list(hostName(true)),
  gateways: list(z.string()),
  http: list(httpRoute),
  tls: anything,
  tcp: anything,
  exportTo: list(z.string()),
}).superRefine((given, ctx) => {
  const mesh = appliesToMesh(given)
  given.hosts.forEach((host, i) => {
    if (host === '*' && mesh) {
      const message = 'can\'t be "*" inside the mesh: name the hosts, or give gateways without mesh'
      ctx.addIssue({ code: 'custom', path: ['hosts', i], message })
    }
    const other = given.hosts.slice(0, i).find((earlier) => hostsOverlap(earlier, host))
    if (other === undefined) return
    ctx.addIssue({
      code: 'custom',
      path: ['hosts', i],
      message: `"${host}" overlaps with "${other}": remove one of them`,
    })
  })
  if (given.http.length === 0 && given.tls === null && given.tcp === null) {
    ctx.addIssue({ code: 'custom', path: ['http'], message: 'is missing: give routes under http, tls or tcp' })
  }
})

/** Its routes are for the workloads of the mesh, not only for gateways. */
export function appliesToMesh(virtualService: Pick<VirtualService, 'gateways'>): boolean {
  return virtualService.gateways.length === 0 || virtualService.gateways.includes('mesh')
}

/** The kind VirtualService. */
export const VIRTUAL_SERVICE: Kind<VirtualService> = {
  group: 'networking.istio.io',
  versions: NETWORKING_VERSIONS,
  kind: 'VirtualService',
  body: 'spec',
  namespaced: true,
  schema: spec,
  check(given, report) {
    notHonoured(report, [], given, ['tls', 'tcp'])
    if (given.hosts.length === 0) {
      report('warning', [], 'names no hosts, which makes it a delegate, and those are not honoured yet: give hosts')
    }
    const gateways = given.gateways.filter((gateway) => gateway !== 'mesh')
    if (gateways.length > 0) {
      report(
        'warning',
        ['gateways'],
        `routes at gateways are not honoured yet: ${gateways.join(', ')} will not have them`,
      )
    }
    given.http.forEach((route, i) => {
      notHonoured(report, ['http', i], route, NOT_YET)
    })
  },
}

const NOT_YET: readonly string[] = [
  'delegate',
  'fault',
  'mirror',
  'mirrorPercent',
  'mirrorPercentage',
  'mirrors',
  'corsPolicy',
]
