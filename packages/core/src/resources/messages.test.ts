// gen/messages.js holds the messages in a smaller form than the generated files (tools/compact-messages.ts): what decoders
// look into must be there all the same.
import type { DescField, DescMessage } from '@bufbuild/protobuf'
import { create, toBinary } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { ClusterSchema } from '../gen/envoy/config/cluster/v3/cluster_pb.ts'
import { HealthCheckSchema } from '../gen/envoy/config/core/v3/health_check_pb.ts'
import { ListenerSchema } from '../gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '../gen/envoy/config/route/v3/route_pb.ts'
import { HttpConnectionManagerSchema } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { HttpProtocolOptionsSchema } from '../gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import * as bundled from '../gen/messages.js'
import { clusterSupport } from './cluster.support.ts'
import { listenerSupport } from './listener.support.ts'
import { routeConfigurationSupport } from './route-configuration.support.ts'

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

const whole = reachable([
  ListenerSchema,
  RouteConfigurationSchema,
  ClusterSchema,
  HttpConnectionManagerSchema,
  HttpProtocolOptionsSchema,
])
const compact = reachable([
  bundled.ListenerSchema,
  bundled.RouteConfigurationSchema,
  bundled.ClusterSchema,
  bundled.HttpConnectionManagerSchema,
  bundled.HttpProtocolOptionsSchema,
])
const isOpaque = ({ typeName, fields }: DescMessage): boolean =>
  fields.length === 0 && (whole.get(typeName) as DescMessage).fields.length > 0

/** What reading a field goes by. An enum counts as the number that it is. */
function facts(field: DescField): unknown[] {
  const { number, name, localName, fieldKind, listKind, mapKind, mapKey, presence, packed } = field as DescField & {
    readonly listKind?: string
    readonly mapKind?: string
    readonly mapKey?: number
    readonly packed?: boolean
  }
  const plain = (kind: string | undefined): string | undefined => (kind === 'enum' ? 'scalar' : kind)
  const scalar = field.enum === undefined ? field.scalar : INT32
  const kinds = [plain(fieldKind), plain(listKind), plain(mapKind), mapKey, scalar, presence, packed]
  return [number, name, localName, field.oneof?.localName, field.message?.typeName, ...kinds]
}

test('the messages have the fields of the generated files', () => {
  expect(compact.size).toBeGreaterThan(100)
  for (const desc of compact.values()) {
    if (isOpaque(desc)) continue
    expect(desc.fields.map(facts)).toEqual((whole.get(desc.typeName) as DescMessage).fields.map(facts))
  }
})

test('no honoured field is of a message without its fields', () => {
  const opaque: string[] = []
  // Not the endpoints' table: their decoder reads the bytes themselves.
  for (const table of [listenerSupport, routeConfigurationSupport, clusterSupport]) {
    for (const { path, support, note } of table.fields) {
      const dot = path.lastIndexOf('.')
      const field = compact.get(path.slice(0, dot))?.fields.find(({ name }) => name === path.slice(dot + 1))
      const looksInto = note === '' && support !== 'ignored' && support !== 'refused'
      if (looksInto && field?.message !== undefined && isOpaque(field.message)) opaque.push(path)
    }
  }
  expect(opaque).toEqual([])
})

test('what is in a message without its fields is kept', () => {
  const healthChecks = [create(HealthCheckSchema, { reuseConnection: true, alwaysLogHealthCheckFailures: true })]
  const bytes = toBinary(ClusterSchema, create(ClusterSchema, { name: 'a', healthChecks }))
  const cluster = bundled.fromBinary(bundled.ClusterSchema, bytes)
  expect(cluster.healthChecks).toHaveLength(1)
  expect(bundled.toBinary(bundled.ClusterSchema, cluster)).toEqual(bytes)
})

const INT32 = 5
