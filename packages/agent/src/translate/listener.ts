// The on-demand outbound listener of a host and port: an api_listener (gRFC A27) that names its route configuration, or,
// for a host that the mesh does not know, carries the answer that the outbound traffic policy gives.
import { create } from '@bufbuild/protobuf'
import { TrafficDirection } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import { ApiVersion } from '@inmesh/core/gen/envoy/config/core/v3/config_source_pb.ts'
import { ListenerSchema } from '@inmesh/core/gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import {
  type HttpConnectionManager,
  HttpConnectionManagerSchema,
  RdsSchema,
} from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import { encodeResource, pack } from './encode.ts'
import { httpConnectionManager } from './http-connection-manager.ts'
import { outboundName } from './names.ts'
import type { TranslatedResource } from './resource.ts'
import { catchAllVirtualHost } from './route-configuration.ts'

/** The listener of a known host; `name` is the name that was asked for, `host` the full one. */
export function outboundListener(name: string, host: string, port: number, mesh: MeshConfig): TranslatedResource {
  return apiListener(name, port, mesh, {
    case: 'rds',
    value: create(RdsSchema, {
      routeConfigName: outboundName(port, '', host),
      configSource: { configSourceSpecifier: { case: 'ads', value: {} }, resourceApiVersion: ApiVersion.V3 },
    }),
  })
}

/** The listener of a host that the mesh does not know: passes through, or is answered 502. */
export function unknownHostListener(name: string, port: number, mesh: MeshConfig): TranslatedResource {
  const virtualHost = catchAllVirtualHost(mesh)
  const value = create(RouteConfigurationSchema, {
    name: virtualHost.name,
    virtualHosts: [virtualHost],
    validateClusters: false,
  })
  return apiListener(name, port, mesh, { case: 'routeConfig', value })
}

function apiListener(
  name: string,
  port: number,
  mesh: MeshConfig,
  routes: HttpConnectionManager['routeSpecifier'],
): TranslatedResource {
  const manager = httpConnectionManager('outbound', `outbound_0.0.0.0_${port};`, routes, mesh)
  const listener = create(ListenerSchema, {
    name,
    apiListener: { apiListener: pack(HttpConnectionManagerSchema, manager) },
    trafficDirection: TrafficDirection.OUTBOUND,
  })
  return encodeResource(ListenerSchema, name, listener)
}
