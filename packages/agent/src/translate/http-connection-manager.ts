// The HTTP connection manager that every listener of ours ends in: filters, access log, tracing.
import { create } from '@bufbuild/protobuf'
import { durationFromMs } from '@bufbuild/protobuf/wkt'
import { RouterSchema } from '@inmesh/core/gen/envoy/extensions/filters/http/router/v3/router_pb.ts'
import {
  type HttpConnectionManager,
  HttpConnectionManager_ForwardClientCertDetails as ForwardClientCertDetails,
  HttpConnectionManagerSchema,
} from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import type { MeshConfig } from '../model/mesh-config.ts'
import { accessLogs } from './access-log.ts'
import { pack } from './encode.ts'

/** Which half of a call the connection manager is. */
export type Direction = 'inbound' | 'outbound'

/** A connection manager; its routes come by RDS, or are inline. */
export function httpConnectionManager(
  direction: Direction,
  statPrefix: string,
  routes: HttpConnectionManager['routeSpecifier'],
  mesh: MeshConfig,
): HttpConnectionManager {
  const inbound = direction === 'inbound'
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix,
    routeSpecifier: routes,
    httpFilters: [
      {
        name: 'envoy.filters.http.router',
        configType: { case: 'typedConfig', value: pack(RouterSchema, create(RouterSchema)) },
      },
    ],
    accessLog: accessLogs(mesh),
    streamIdleTimeout: durationFromMs(0),
    normalizePath: true,
    useRemoteAddress: false,
    upgradeConfigs: [{ upgradeType: 'websocket' }],
  })
  if (mesh.enableTracing) {
    manager.tracing = create(HttpConnectionManagerSchema, {
      tracing: {
        clientSampling: { value: 100 },
        randomSampling: { value: mesh.tracingSampling },
        overallSampling: { value: 100 },
      },
    }).tracing
  }
  if (inbound) {
    manager.serverName = 'istio-envoy'
    manager.forwardClientCertDetails = ForwardClientCertDetails.APPEND_FORWARD
    manager.setCurrentClientCertDetails = create(HttpConnectionManagerSchema, {
      setCurrentClientCertDetails: { subject: true, uri: true, dns: true },
    }).setCurrentClientCertDetails
  }
  return manager
}
