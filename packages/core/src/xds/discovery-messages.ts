// The four messages of ADS on the wire (envoy/service/discovery/v3/discovery.proto), the client's half: requests are written,
// responses are read. By hand, because the generated code pulls in the descriptors of half of Envoy's core API at start-up
// (135 ms against 20 ms for the reader alone).
import { BinaryReader, BinaryWriter, WireType } from '../gen/wire.js'
import type { XdsNode } from './node.ts'

/** A DiscoveryRequest. */
export interface SotwRequest {
  /** Null in all but the first request of a stream. */
  readonly node: XdsNode | null
  readonly typeUrl: string
  readonly names: Iterable<string>
  /** version_info: last accepted; '' for none. */
  readonly version: string
  readonly nonce: string
  /** error_detail's message: makes it a NACK. */
  readonly error: string | null
}

/** A DeltaDiscoveryRequest. */
export interface DeltaRequest {
  readonly node: XdsNode | null
  readonly typeUrl: string
  readonly subscribe: Iterable<string>
  readonly unsubscribe: Iterable<string>
  /** Names with versions held from an earlier stream. */
  readonly initialVersions: Iterable<readonly [string, string]>
  readonly nonce: string
  readonly error: string | null
}

/** A resource in a response. */
export interface ReceivedResource {
  /** '' in state of the world, where the name is in the resource's own bytes. */
  readonly name: string
  readonly version: string
  readonly typeUrl: string
  /** A view into the response; null is a heartbeat, which says that the resource is as it was. */
  readonly value: Uint8Array | null
}

/** A DiscoveryResponse or DeltaDiscoveryResponse. */
export interface DiscoveryResponse {
  readonly typeUrl: string
  /** version_info or system_version_info. */
  readonly version: string
  readonly nonce: string
  readonly resources: readonly ReceivedResource[]
  /** Delta: names that do not exist any more, or never did. */
  readonly removed: readonly string[]
  /** control_plane.identifier; '' when not told. */
  readonly controlPlane: string
}

/** Encodes a DiscoveryRequest. */
export function writeSotwRequest(request: SotwRequest): Uint8Array {
  const w = new BinaryWriter()
  text(w, 1, request.version)
  if (request.node !== null) node(w, 2, request.node)
  for (const name of request.names) w.tag(3, WireType.LengthDelimited).string(name)
  text(w, 4, request.typeUrl)
  text(w, 5, request.nonce)
  if (request.error !== null) status(w, 6, request.error)
  return w.finish()
}

/** Encodes a DeltaDiscoveryRequest. */
export function writeDeltaRequest(request: DeltaRequest): Uint8Array {
  const w = new BinaryWriter()
  if (request.node !== null) node(w, 1, request.node)
  text(w, 2, request.typeUrl)
  for (const name of request.subscribe) w.tag(3, WireType.LengthDelimited).string(name)
  for (const name of request.unsubscribe) w.tag(4, WireType.LengthDelimited).string(name)
  for (const [name, version] of request.initialVersions) {
    w.tag(5, WireType.LengthDelimited).fork()
    text(w, 1, name)
    text(w, 2, version)
    w.join()
  }
  text(w, 6, request.nonce)
  if (request.error !== null) status(w, 7, request.error)
  return w.finish()
}

/** Decodes a DiscoveryResponse. Throws on bytes that are none. */
export function readSotwResponse(bytes: Uint8Array): DiscoveryResponse {
  const r = new BinaryReader(bytes)
  const resources: ReceivedResource[] = []
  let [version, typeUrl, nonce, controlPlane] = ['', '', '', '']
  while (r.pos < r.len) {
    const [field, wire] = r.tag()
    if (wire !== WireType.LengthDelimited) r.skip(wire, field)
    else if (field === 1) version = r.string()
    else if (field === 2) resources.push(sotwResource(r.bytes()))
    else if (field === 4) typeUrl = r.string()
    else if (field === 5) nonce = r.string()
    else if (field === 6) controlPlane = firstText(r.bytes())
    else r.skip(wire, field)
  }
  // An Any has no version of its own: the response's counts.
  const versioned = resources.map((resource) => (resource.version === '' ? { ...resource, version } : resource))
  return { typeUrl, version, nonce, resources: versioned, removed: [], controlPlane }
}

/** Decodes a DeltaDiscoveryResponse. Throws on bytes that are none. */
export function readDeltaResponse(bytes: Uint8Array): DiscoveryResponse {
  const r = new BinaryReader(bytes)
  const resources: ReceivedResource[] = []
  const removed: string[] = []
  let [version, typeUrl, nonce, controlPlane] = ['', '', '', '']
  while (r.pos < r.len) {
    const [field, wire] = r.tag()
    if (wire !== WireType.LengthDelimited) r.skip(wire, field)
    else if (field === 1) version = r.string()
    else if (field === 2) resources.push(wrappedResource(r.bytes()))
    else if (field === 4) typeUrl = r.string()
    else if (field === 5) nonce = r.string()
    else if (field === 6) removed.push(r.string())
    else if (field === 7) controlPlane = firstText(r.bytes())
    else r.skip(wire, field)
  }
  return { typeUrl, version, nonce, resources, removed, controlPlane }
}

/**
 * The first field of a resource, if it is a string: listeners, routes, clusters, endpoints and secrets have their name
 * there. '' when it can't be read. Only good for looking up what the same bytes were known as before.
 */
export function peekName(bytes: Uint8Array): string {
  try {
    return firstText(bytes)
  } catch {
    return ''
  }
}

/** google.protobuf.Any, or an Any around envoy.service.discovery.v3.Resource (a state of the world server may wrap). */
function sotwResource(bytes: Uint8Array): ReceivedResource {
  const { typeUrl, value } = any(bytes)
  if (typeUrl === WRAPPER_TYPE_URL) return wrappedResource(value)
  return { name: '', version: '', typeUrl, value }
}

/** envoy.service.discovery.v3.Resource. */
function wrappedResource(bytes: Uint8Array): ReceivedResource {
  const r = new BinaryReader(bytes)
  let [version, name, typeUrl] = ['', '', '']
  let value: Uint8Array | null = null
  while (r.pos < r.len) {
    const [field, wire] = r.tag()
    if (wire !== WireType.LengthDelimited) r.skip(wire, field)
    else if (field === 1) version = r.string()
    else if (field === 2) ({ typeUrl, value } = any(r.bytes()))
    else if (field === 3) name = r.string()
    else r.skip(wire, field)
  }
  return { name, version, typeUrl, value }
}

function any(bytes: Uint8Array): { typeUrl: string; value: Uint8Array } {
  const r = new BinaryReader(bytes)
  let typeUrl = ''
  let value: Uint8Array = NO_BYTES
  while (r.pos < r.len) {
    const [field, wire] = r.tag()
    if (wire !== WireType.LengthDelimited) r.skip(wire, field)
    else if (field === 1) typeUrl = r.string()
    else if (field === 2) value = r.bytes()
    else r.skip(wire, field)
  }
  return { typeUrl, value }
}

/** Field 1 of a message, a string: ControlPlane's identifier, a resource's name. */
function firstText(bytes: Uint8Array): string {
  const r = new BinaryReader(bytes)
  while (r.pos < r.len) {
    const [field, wire] = r.tag()
    if (field === 1 && wire === WireType.LengthDelimited) return r.string()
    r.skip(wire, field)
  }
  return ''
}

/** envoy.config.core.v3.Node. */
function node(w: BinaryWriter, field: number, of: XdsNode): void {
  w.tag(field, WireType.LengthDelimited).fork()
  text(w, 1, of.id)
  text(w, 2, of.cluster)
  w.tag(3, WireType.LengthDelimited).fork()
  struct(w, of.metadata)
  w.join()
  text(w, 6, of.userAgentName)
  text(w, 7, of.userAgentVersion)
  w.join()
}

/** google.protobuf.Struct. */
function struct(w: BinaryWriter, object: object): void {
  for (const [key, value] of Object.entries(object)) {
    if (value === undefined) continue
    w.tag(1, WireType.LengthDelimited).fork()
    text(w, 1, key)
    w.tag(2, WireType.LengthDelimited).fork()
    structValue(w, value)
    w.join().join()
  }
}

/** google.protobuf.Value, as ProtoJSON reads a JSON value. */
function structValue(w: BinaryWriter, value: unknown): void {
  if (typeof value === 'string') w.tag(3, WireType.LengthDelimited).string(value)
  else if (typeof value === 'number') w.tag(2, WireType.Bit64).double(value)
  else if (typeof value === 'boolean') w.tag(4, WireType.Varint).bool(value)
  else if (Array.isArray(value)) {
    w.tag(6, WireType.LengthDelimited).fork()
    for (const item of value) {
      w.tag(1, WireType.LengthDelimited).fork()
      structValue(w, item)
      w.join()
    }
    w.join()
  } else if (typeof value === 'object' && value !== null) {
    w.tag(5, WireType.LengthDelimited).fork()
    struct(w, value)
    w.join()
  } else w.tag(1, WireType.Varint).int32(0)
}

/** google.rpc.Status: code INVALID_ARGUMENT and the message. */
function status(w: BinaryWriter, field: number, message: string): void {
  w.tag(field, WireType.LengthDelimited).fork()
  w.tag(1, WireType.Varint).int32(INVALID_ARGUMENT)
  text(w, 2, message)
  w.join()
}

function text(w: BinaryWriter, field: number, value: string): void {
  if (value !== '') w.tag(field, WireType.LengthDelimited).string(value)
}

const INVALID_ARGUMENT = 3
const WRAPPER_TYPE_URL = 'type.googleapis.com/envoy.service.discovery.v3.Resource'
const NO_BYTES = new Uint8Array(0)
