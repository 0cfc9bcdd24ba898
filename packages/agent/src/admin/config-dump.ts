// What is in force: the agent's own state, or with `proxyID` the resources of one client in the form of Envoy's
// /config_dump (admin/v3/config_dump.proto), so that tools for Envoy read it.
import type { ConfigStore } from '../ingest/config-store.ts'
import type { AutoRegistration } from '../serve/auto-registration.ts'
import type { ClientStream } from '../serve/client-stream.ts'
import type { DiscoveryServer } from '../serve/discovery-server.ts'
import type { Generator } from '../serve/generator.ts'
import { TYPE_URL, type TranslatedResource, type TypeUrl } from '../translate/resource.ts'
import { resourceJson } from '../translate/resource-json.ts'

/** Objects and problems, registrations, clients. */
export function dumpAgent(store: ConfigStore, registrations: AutoRegistration, server: DiscoveryServer): unknown {
  return {
    configs: [
      {
        '@type': 'inmesh/Objects',
        objects: store.state.objects.map(({ source, ...object }) => ({
          ...object,
          source: `${source.file}:${source.line([])}`,
        })),
        problems: store.state.problems,
      },
      { '@type': 'inmesh/Registrations', registrations: registrations.list() },
      { '@type': 'inmesh/Clients', clients: [...server.streams].map(describeClient) },
    ],
  }
}

/** The resources that a client has asked for, as of now; null when there is no such client. */
export function dumpClient(server: DiscoveryServer, generator: Generator, proxyId: string): unknown {
  const stream = [...server.streams].find((s) => s.proxy?.id === proxyId)
  const context = server.context
  if (stream?.proxy == null || context === null) return null
  const proxy = stream.proxy
  const of = (typeUrl: TypeUrl): readonly TranslatedResource[] =>
    generator.generate(typeUrl, [...(stream.subscriptions.get(typeUrl)?.names ?? [])], proxy, context)
  return {
    configs: [
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
        dynamic_active_clusters: of(TYPE_URL.cluster).map((r) => ({
          version_info: r.version,
          cluster: resourceJson(TYPE_URL.cluster, r),
        })),
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.EndpointsConfigDump',
        dynamic_endpoint_configs: of(TYPE_URL.clusterLoadAssignment).map((r) => ({
          version_info: r.version,
          endpoint_config: resourceJson(TYPE_URL.clusterLoadAssignment, r),
        })),
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
        dynamic_listeners: of(TYPE_URL.listener).map((r) => ({
          name: r.name,
          active_state: { version_info: r.version, listener: resourceJson(TYPE_URL.listener, r) },
        })),
      },
      {
        '@type': 'type.googleapis.com/envoy.admin.v3.RoutesConfigDump',
        dynamic_route_configs: of(TYPE_URL.routeConfiguration).map((r) => ({
          version_info: r.version,
          route_config: resourceJson(TYPE_URL.routeConfiguration, r),
        })),
      },
    ],
  }
}

function describeClient(stream: ClientStream): unknown {
  return {
    id: stream.proxy?.id ?? null,
    variant: stream.variant,
    types: Object.fromEntries(
      [...stream.subscriptions].map(([typeUrl, s]) => [
        typeUrl,
        { names: [...s.names], status: s.synced ? 'SYNCED' : s.error === null ? 'STALE' : 'NACK', error: s.error },
      ]),
    ),
  }
}
