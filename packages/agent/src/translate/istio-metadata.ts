// filter_metadata.istio: which Istio objects a resource came from, and which services it stands for.
import { create, type JsonValue } from '@bufbuild/protobuf'
import { type Metadata, MetadataSchema } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import type { ConfigObject } from '../ingest/config-store.ts'
import type { MeshService } from '../model/mesh-service.ts'
import { struct } from './encode.ts'

/** Metadata with these fields under `istio`. */
export function istioMetadata(fields: Readonly<Record<string, JsonValue | undefined>>): Metadata {
  return create(MetadataSchema, { filterMetadata: { istio: struct(fields) } })
}

/** Path of an object: `/apis/networking.istio.io/v1/namespaces/shop/virtual-service/reviews`. */
export function configPath(object: ConfigObject): string {
  const group = object.apiVersion.split('/', 1)[0] as string
  const kind = object.kind.replace(/[a-z0-9](?=[A-Z])/g, '$&-').toLowerCase()
  return `/apis/${group}/v1/namespaces/${object.namespace}/${kind}/${object.name}`
}

/** The services of a cluster or listener, for telemetry. */
export function serviceList(services: readonly MeshService[]): JsonValue[] {
  return services.map(({ host, name, namespace }) => ({ host, name, namespace }))
}
