// The messages of ADS as the fake control plane reads and writes them, with the generated code.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt'
import type { Node } from '../gen/envoy/config/core/v3/base_pb.ts'
import {
  DeltaDiscoveryRequestSchema,
  DeltaDiscoveryResponseSchema,
  DiscoveryRequestSchema,
  DiscoveryResponseSchema,
} from '../gen/envoy/service/discovery/v3/discovery_pb.ts'

/** A request as it came, of either variant. */
export interface RecordedRequest {
  readonly variant: 'sotw' | 'delta'
  /** 1 for the first stream that was opened. */
  readonly stream: number
  readonly typeUrl: string
  /** State of the world: resource_names. Empty in delta. */
  readonly names: readonly string[]
  /** Delta: resource_names_subscribe. */
  readonly subscribe: readonly string[]
  /** Delta: resource_names_unsubscribe. */
  readonly unsubscribe: readonly string[]
  /** Delta: initial_resource_versions. */
  readonly initialVersions: Readonly<Record<string, string>>
  /** State of the world: version_info. */
  readonly version: string
  /** response_nonce. */
  readonly nonce: string
  /** error_detail; null is an ACK or a subscription. */
  readonly error: { readonly code: number; readonly message: string } | null
  /** Null in all but the first request of a stream, if the client is right. */
  readonly node: Node | null
}

/** A resource in a response that a test writes by hand. */
export interface RawResource {
  readonly name: string
  readonly value: Uint8Array
  /** Default: the response's. */
  readonly typeUrl?: string
  /** Delta only. Default: the response's version. */
  readonly version?: string
}

/** A response that a test writes by hand. */
export interface RawResponse {
  readonly resources: readonly RawResource[]
  /** Delta: removed_resources. */
  readonly removed?: readonly string[]
  /** version_info or system_version_info. Default: the next one. */
  readonly version?: string
  /** Default: the next one. */
  readonly nonce?: string
}

/** The parts of a response beside its resources. */
export interface ResponseHead {
  readonly nonce: string
  readonly version: string
  readonly removed: readonly string[]
  readonly identifier: string
}

/** Writes a DiscoveryResponse or DeltaDiscoveryResponse. */
export function writeResponse(
  variant: 'sotw' | 'delta',
  typeUrl: string,
  resources: readonly RawResource[],
  head: ResponseHead,
): Uint8Array {
  const any = (r: RawResource): Any => create(AnySchema, { typeUrl: r.typeUrl ?? typeUrl, value: r.value })
  const { nonce, version } = head
  const controlPlane = { identifier: head.identifier }
  if (variant === 'sotw') {
    return toBinary(
      DiscoveryResponseSchema,
      create(DiscoveryResponseSchema, {
        typeUrl,
        nonce,
        versionInfo: version,
        controlPlane,
        resources: resources.map(any),
      }),
    )
  }
  return toBinary(
    DeltaDiscoveryResponseSchema,
    create(DeltaDiscoveryResponseSchema, {
      typeUrl,
      nonce,
      systemVersionInfo: version,
      controlPlane,
      removedResources: [...head.removed],
      resources: resources.map((r) => ({ name: r.name, version: r.version ?? version, resource: any(r) })),
    }),
  )
}

/** Reads a DiscoveryRequest. */
export function readSotw(stream: number, bytes: Buffer): RecordedRequest {
  const m = fromBinary(DiscoveryRequestSchema, bytes)
  return {
    variant: 'sotw',
    stream,
    typeUrl: m.typeUrl,
    names: m.resourceNames,
    subscribe: [],
    unsubscribe: [],
    initialVersions: {},
    version: m.versionInfo,
    nonce: m.responseNonce,
    error: m.errorDetail === undefined ? null : { code: m.errorDetail.code, message: m.errorDetail.message },
    node: m.node ?? null,
  }
}

/** Reads a DeltaDiscoveryRequest. */
export function readDelta(stream: number, bytes: Buffer): RecordedRequest {
  const m = fromBinary(DeltaDiscoveryRequestSchema, bytes)
  return {
    variant: 'delta',
    stream,
    typeUrl: m.typeUrl,
    names: [],
    subscribe: m.resourceNamesSubscribe,
    unsubscribe: m.resourceNamesUnsubscribe,
    initialVersions: m.initialResourceVersions,
    version: '',
    nonce: m.responseNonce,
    error: m.errorDetail === undefined ? null : { code: m.errorDetail.code, message: m.errorDetail.message },
    node: m.node ?? null,
  }
}
