// The four messages of the aggregated discovery service as the server reads and writes them. Requests become one shape for
// both variants; responses are written around resources that were encoded once for all clients.
import { fromBinary } from '@bufbuild/protobuf'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import {
  DeltaDiscoveryRequestSchema,
  DiscoveryRequestSchema,
} from '@inmesh/core/gen/envoy/service/discovery/v3/discovery_pb.ts'
import type { Node } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import type { TranslatedResource } from '../translate/resource.ts'

/** Which of the two ADS methods a client called. */
export type Variant = 'sotw' | 'delta'

/** A DiscoveryRequest or DeltaDiscoveryRequest. */
export interface SubscriptionRequest {
  readonly node: Node | null
  readonly typeUrl: string
  readonly nonce: string
  /** Text of error_detail: the client rejected the response of that nonce. Null is an ACK or a new subscription. */
  readonly error: string | null
  /** State of the world: every name that is wanted; null for delta. */
  readonly names: readonly string[] | null
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  /** Delta: versions that the client still holds from an earlier stream. */
  readonly initialVersions: Readonly<Record<string, string>>
}

/** Reads a request; throws on bytes that are none. */
export function decodeRequest(variant: Variant, bytes: Uint8Array): SubscriptionRequest {
  if (variant === 'sotw') {
    const m = fromBinary(DiscoveryRequestSchema, bytes)
    return {
      node: m.node ?? null,
      typeUrl: m.typeUrl,
      nonce: m.responseNonce,
      error: m.errorDetail === undefined ? null : m.errorDetail.message || 'rejected',
      names: m.resourceNames,
      subscribe: [],
      unsubscribe: [],
      initialVersions: {},
    }
  }
  const m = fromBinary(DeltaDiscoveryRequestSchema, bytes)
  return {
    node: m.node ?? null,
    typeUrl: m.typeUrl,
    nonce: m.responseNonce,
    error: m.errorDetail === undefined ? null : m.errorDetail.message || 'rejected',
    names: null,
    subscribe: m.resourceNamesSubscribe,
    unsubscribe: m.resourceNamesUnsubscribe,
    initialVersions: m.initialResourceVersions,
  }
}

/** What a response says. */
export interface ResponseContent {
  readonly typeUrl: string
  readonly version: string
  readonly nonce: string
  readonly resources: readonly TranslatedResource[]
  /** Delta only. */
  readonly removed: readonly string[]
}

/** Writes a DiscoveryResponse or DeltaDiscoveryResponse. */
export function encodeResponse(variant: Variant, content: ResponseContent): Uint8Array {
  const w = new BinaryWriter()
  const delta = variant === 'delta'
  w.tag(1, 2).string(content.version)
  for (const resource of content.resources)
    w.tag(2, 2).bytes(delta ? deltaBytes(content.typeUrl, resource) : anyBytes(content.typeUrl, resource))
  w.tag(4, 2).string(content.typeUrl)
  w.tag(5, 2).string(content.nonce)
  if (delta) for (const name of content.removed) w.tag(6, 2).string(name)
  w.tag(delta ? 7 : 6, 2).bytes(CONTROL_PLANE)
  return w.finish()
}

const anyCache = new WeakMap<TranslatedResource, Uint8Array>()
const deltaCache = new WeakMap<TranslatedResource, Uint8Array>()

/** google.protobuf.Any of the resource, encoded once. */
function anyBytes(typeUrl: string, resource: TranslatedResource): Uint8Array {
  let bytes = anyCache.get(resource)
  if (bytes === undefined) {
    bytes = new BinaryWriter().tag(1, 2).string(typeUrl).tag(2, 2).bytes(resource.value).finish()
    anyCache.set(resource, bytes)
  }
  return bytes
}

/** envoy.service.discovery.v3.Resource around it, encoded once. */
function deltaBytes(typeUrl: string, resource: TranslatedResource): Uint8Array {
  let bytes = deltaCache.get(resource)
  if (bytes === undefined) {
    bytes = new BinaryWriter()
      .tag(1, 2)
      .string(resource.version)
      .tag(2, 2)
      .bytes(anyBytes(typeUrl, resource))
      .tag(3, 2)
      .string(resource.name)
      .finish()
    deltaCache.set(resource, bytes)
  }
  return bytes
}

// config.core.v3.ControlPlane: clients with `discovery: auto` read the component from it, as istiod's clients do.
const CONTROL_PLANE = new BinaryWriter()
  .tag(1, 2)
  .string(JSON.stringify({ Component: 'inmesh' }))
  .finish()
