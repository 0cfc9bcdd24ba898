import { create, type DescMessage, fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { describe, expect, it } from 'vitest'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { ClusterLoadAssignmentSchema } from '../gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { FileAccessLogSchema } from '../gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import {
  StderrAccessLogSchema,
  StdoutAccessLogSchema,
} from '../gen/envoy/extensions/access_loggers/stream/v3/stream_pb.ts'
import { DnsClusterSchema } from '../gen/envoy/extensions/clusters/dns/v3/dns_cluster_pb.ts'
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { LeastRequestSchema } from '../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts'
import { RandomSchema } from '../gen/envoy/extensions/load_balancing_policies/random/v3/random_pb.ts'
import { RoundRobinSchema } from '../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts'
import { WrrLocalitySchema } from '../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts'
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { clusterSupport } from './cluster.support.ts'
import { endpointSupport } from './endpoint.support.ts'
import { Findings } from './findings.ts'
import { listenerSupport } from './listener.support.ts'
import { routeConfigurationSupport } from './route-configuration.support.ts'
import { SupportTable } from './support.ts'
import { supportTables } from './support-tables.ts'

/** A table's root messages, and the messages of honoured fields that are read apart, by a table of their own. */
const TABLES: readonly [SupportTable, readonly DescMessage[], readonly string[]][] = [
  [routeConfigurationSupport, [RouteConfigurationSchema], []],
  [
    listenerSupport,
    [ListenerSchema, HttpConnectionManagerSchema, FileAccessLogSchema, StdoutAccessLogSchema, StderrAccessLogSchema],
    [RouteConfigurationSchema.typeName],
  ],
  [
    clusterSupport,
    [
      ClusterSchema,
      HttpProtocolOptionsSchema,
      DnsClusterSchema,
      LeastRequestSchema,
      RoundRobinSchema,
      RandomSchema,
      WrrLocalitySchema,
    ],
    [ClusterLoadAssignmentSchema.typeName],
  ],
]

/** Every message that can be reached from the roots. */
function reachable(roots: readonly DescMessage[]): ReadonlyMap<string, DescMessage> {
  const found = new Map<string, DescMessage>()
  const visit = (desc: DescMessage): void => {
    if (found.has(desc.typeName)) return
    found.set(desc.typeName, desc)
    for (const field of desc.fields) if (field.message !== undefined) visit(field.message)
  }
  roots.forEach(visit)
  return found
}

const split = (path: string): [string, string] => {
  const dot = path.lastIndexOf('.')
  return [path.slice(0, dot), path.slice(dot + 1)]
}

describe.each(TABLES)('the table of %#', (table, roots, apart) => {
  const messages = reachable(roots)

  it('names only fields that exist', () => {
    const wrong = table.fields
      .map(({ path }) => split(path))
      .filter(([message, name]) => messages.get(message)?.fields.some((field) => field.name === name) !== true)
    expect(wrong).toEqual([])
  })

  it('says of every field of its messages what becomes of it', () => {
    const listed = new Set(table.fields.map(({ path }) => split(path)[0]))
    const missing: string[] = []
    for (const name of listed)
      for (const field of messages.get(name)?.fields ?? [])
        if (table.field(name, field.name) === null && !HIDDEN.test(field.name)) missing.push(`${name}.${field.name}`)
    expect(missing).toEqual([])
  })

  it('has the messages of all honoured fields', () => {
    const listed = new Set(table.fields.map(({ path }) => split(path)[0]))
    const missing = new Set<string>()
    for (const { path, support, note } of table.fields) {
      const [name, fieldName] = split(path)
      const nested = messages.get(name)?.fields.find((field) => field.name === fieldName)?.message
      if (support !== 'honoured' || note !== '' || nested === undefined || nested.fields.length === 0) continue
      if (!listed.has(nested.typeName) && !nested.typeName.startsWith('google.') && !apart.includes(nested.typeName))
        missing.add(nested.typeName)
    }
    expect([...missing]).toEqual([])
  })

  it('explains every field that is not honoured', () => {
    expect(table.fields.filter(({ support, note }) => support !== 'honoured' && note === '')).toEqual([])
  })
})

describe('the table of ClusterLoadAssignment', () => {
  const messages = reachable([ClusterLoadAssignmentSchema])

  it('has the numbers of its fields', () => {
    const wrong = endpointSupport.fields.filter(({ path, number, name }) => {
      const field = messages.get(split(path)[0])?.fields.find((candidate) => candidate.name === name)
      return field?.number !== number
    })
    expect(wrong).toEqual([])
  })

  it('has every field of its messages', () => {
    const missing: string[] = []
    for (const name of new Set(endpointSupport.fields.map(({ path }) => split(path)[0])))
      for (const field of messages.get(name)?.fields ?? [])
        if (endpointSupport.field(name, field.number) === null && !HIDDEN.test(field.name))
          missing.push(`${name}.${field.name}`)
    expect(missing).toEqual([])
  })
})

describe('supportTables', () => {
  it('has one table for each resource', () => {
    expect(supportTables.map(({ resource }) => resource)).toEqual([
      'Listener',
      'RouteConfiguration',
      'Cluster',
      'ClusterLoadAssignment',
    ])
    for (const { fields } of supportTables) expect(fields.length).toBeGreaterThan(20)
  })
})

describe('SupportTable.report', () => {
  const table = new SupportTable('Test', {
    'envoy.config.route.v3.RouteConfiguration': {
      honoured: 'name virtual_hosts',
      refused: { vhost_header: 'reason one' },
    },
    'envoy.config.route.v3.VirtualHost': {
      honoured: 'name domains routes',
      inert: { cors: 'no matter' },
      approximated: { require_tls: 'reason two' },
    },
    'envoy.config.route.v3.Route': { honoured: 'name match route' },
    'envoy.config.route.v3.RouteMatch': { honoured: 'prefix' },
    'envoy.config.route.v3.RouteAction': { honoured: 'cluster', ignored: { prefix_rewrite: 'reason three' } },
  })

  function report(bytes: Uint8Array): ReturnType<Findings['decoded']> {
    const findings = new Findings()
    table.report(RouteConfigurationSchema, fromBinary(RouteConfigurationSchema, bytes), '', findings)
    return findings.decoded('r', null)
  }

  const encode = (init: Parameters<typeof create<typeof RouteConfigurationSchema>>[1]): Uint8Array =>
    toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, init))

  it('has nothing to say of fields that are honoured or unset', () => {
    const bytes = encode({
      name: 'r',
      virtualHosts: [{ name: 'v', domains: ['*'], cors: { allowMethods: 'GET' }, routes: [{ name: 'x' }] }],
    })
    expect(report(bytes)).toMatchObject({ ok: true, warnings: [] })
  })

  it('names the first place of each field and counts the others', () => {
    const route = {
      match: { pathSpecifier: { case: 'path' as const, value: '' } },
      action: { case: 'route' as const, value: { prefixRewrite: '/x' } },
    }
    const bytes = encode({ virtualHosts: [{ requireTls: 1 }, { routes: [{}, route, route] }] })
    expect(report(bytes)).toMatchObject({
      ok: true,
      warnings: [
        'virtual_hosts[0].require_tls: approximated: reason two',
        'virtual_hosts[1].routes[1].match.path: ignored: not honoured by this version (and 1 more)',
        'virtual_hosts[1].routes[1].route.prefix_rewrite: ignored: reason three (and 1 more)',
      ],
    })
  })

  it('makes a refused field an error', () => {
    expect(report(encode({ vhostHeader: 'x' }))).toEqual({
      ok: false,
      name: 'r',
      errors: ['vhost_header: refused: reason one'],
    })
  })

  it('finds unknown fields at every depth', () => {
    const match = new BinaryWriter()
      .uint32(900 << 3)
      .uint32(1)
      .finish()
    const route = new BinaryWriter().uint32(10).bytes(match).finish()
    const host = new BinaryWriter().uint32(26).bytes(route).finish()
    const bytes = new BinaryWriter()
      .uint32(18)
      .bytes(host)
      .uint32(901 << 3)
      .uint32(1)
      .finish()
    expect(report(bytes)).toMatchObject({
      warnings: [
        'field 901: ignored: unknown field of envoy.config.route.v3.RouteConfiguration',
        'virtual_hosts[0].routes[0].match: field 900: ignored: unknown field of envoy.config.route.v3.RouteMatch',
      ],
    })
  })

  it('tells at most fifty errors, because a NACK is one message', () => {
    const findings = new Findings()
    for (let i = 0; i < 200; i++) findings.error(`routes[${i}]`, 'is wrong')
    const decoded = findings.decoded('r', null)
    expect(decoded.ok).toBe(false)
    expect(decoded.ok ? [] : decoded.errors).toHaveLength(50)
  })
})

/** Fields that Envoy's protos keep only for the API's first versions. */
const HIDDEN = /^hidden_envoy_deprecated/
