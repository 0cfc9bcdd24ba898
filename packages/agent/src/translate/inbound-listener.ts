// The inbound listener of an address that a workload listens on (gRFC A36): one filter chain, routes that lead to the
// application itself, and the services behind it for telemetry.
import { isIPv6 } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { TrafficDirection } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import { ListenerSchema } from '@inmesh/core/gen/envoy/config/listener/v3/listener_pb.ts'
import { type RouteConfiguration, RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import { HttpConnectionManagerSchema } from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import type { MeshPort, MeshService } from '../model/mesh-service.ts'
import { encodeResource, pack } from './encode.ts'
import { httpConnectionManager } from './http-connection-manager.ts'
import { istioMetadata, serviceList } from './istio-metadata.ts'
import type { TranslatedResource } from './resource.ts'

/** The listener `name` of `address` and `port`; `services` are those that the workload is behind at the port. */
export function inboundListener(
  name: string,
  address: string,
  port: number,
  services: readonly { readonly service: MeshService; readonly port: MeshPort }[],
  mesh: MeshConfig,
): TranslatedResource {
  const servicePort = services[0]?.port.number ?? port
  const distinct = [...new Set(services.map(({ service }) => service))]
  const routes = { case: 'routeConfig', value: inboundRoutes(port, servicePort, distinct) } as const
  const manager = httpConnectionManager('inbound', `inbound_0.0.0.0_${port};`, routes, mesh)
  const listener = create(ListenerSchema, {
    name,
    address: {
      address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: port } } },
    },
    filterChains: [
      {
        name: 'inbound-plaintext',
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            configType: { case: 'typedConfig', value: pack(HttpConnectionManagerSchema, manager) },
          },
        ],
      },
    ],
    trafficDirection: TrafficDirection.INBOUND,
  })
  return encodeResource(ListenerSchema, name, listener)
}

/** Address and port of an inbound listener's name without its prefix; null when it isn't one. */
export function inboundAddress(text: string): { readonly address: string; readonly port: number } | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):([1-9]\d{0,4})$/.exec(text)
  if (match === null) return null
  const address = match[1] ?? match[2] ?? ''
  const port = Number(match[3])
  if (port > 65_535 || (match[1] !== undefined && !isIPv6(address))) return null
  return { address, port }
}

function inboundRoutes(port: number, servicePort: number, services: readonly MeshService[]): RouteConfiguration {
  const [service] = services
  return create(RouteConfigurationSchema, {
    name: `inbound|${port}||`,
    virtualHosts: [
      {
        name: `inbound|http|${servicePort}`,
        domains: ['*'],
        routes: [
          {
            name: 'default',
            match: { pathSpecifier: { case: 'prefix', value: '/' } },
            action: { case: 'nonForwardingAction', value: {} },
            metadata: istioMetadata({ services: serviceList(services) }),
            ...(service === undefined ? {} : { decorator: { operation: `${service.host}:${servicePort}/*` } }),
          },
        ],
      },
    ],
    validateClusters: false,
  })
}
