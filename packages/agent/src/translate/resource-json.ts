// Resources as ProtoJSON with Envoy's field names: for dumps, goldens, and programs that load Envoy's configuration.
import { createRegistry, type DescMessage, fromBinary, type JsonValue, toJson } from '@bufbuild/protobuf'
import { ClusterSchema } from '@inmesh/core/gen/envoy/config/cluster/v3/cluster_pb.ts'
import { ClusterLoadAssignmentSchema } from '@inmesh/core/gen/envoy/config/endpoint/v3/endpoint_pb.ts'
import { ListenerSchema } from '@inmesh/core/gen/envoy/config/listener/v3/listener_pb.ts'
import { RouteConfigurationSchema } from '@inmesh/core/gen/envoy/config/route/v3/route_pb.ts'
import { FileAccessLogSchema } from '@inmesh/core/gen/envoy/extensions/access_loggers/file/v3/file_pb.ts'
import { RouterSchema } from '@inmesh/core/gen/envoy/extensions/filters/http/router/v3/router_pb.ts'
import { HttpConnectionManagerSchema } from '@inmesh/core/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts'
import { PreviousHostsPredicateSchema } from '@inmesh/core/gen/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.ts'
import { PreviousPrioritiesConfigSchema } from '@inmesh/core/gen/envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config_pb.ts'
import { HttpProtocolOptionsSchema } from '@inmesh/core/gen/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.ts'
import { TYPE_URL, type TranslatedResource, type TypeUrl } from './resource.ts'

/** A resource as ProtoJSON, with its `@type` first. */
export function resourceJson(typeUrl: TypeUrl, resource: TranslatedResource): JsonValue {
  const schema = SCHEMAS[typeUrl]
  const json = toJson(schema, fromBinary(schema, resource.value), { registry: REGISTRY, useProtoFieldName: true })
  return { '@type': typeUrl, ...(json as Record<string, JsonValue>) }
}

const SCHEMAS: Record<TypeUrl, DescMessage> = {
  [TYPE_URL.listener]: ListenerSchema,
  [TYPE_URL.routeConfiguration]: RouteConfigurationSchema,
  [TYPE_URL.cluster]: ClusterSchema,
  [TYPE_URL.clusterLoadAssignment]: ClusterLoadAssignmentSchema,
}

// What translation puts into an Any.
const REGISTRY = createRegistry(
  FileAccessLogSchema,
  RouterSchema,
  HttpConnectionManagerSchema,
  PreviousHostsPredicateSchema,
  PreviousPrioritiesConfigSchema,
  HttpProtocolOptionsSchema,
)
