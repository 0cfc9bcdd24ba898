// Decodes ClusterLoadAssignment straight from the wire into columns: a message may carry 100,000 endpoints, and generated
// code takes 15 times as long and keeps an object for each. No generated message is needed. Bytes are not trusted: every
// length is checked against what holds it.
import { BinaryReader } from '../gen/wire.js'
import type { Decoded, ResourceType } from '../xds/resource-type.ts'
import { isIpAddress } from './ip-address.ts'
import { ColumnsBuilder } from './endpoint-columns.ts'
import { endpointSupport } from './endpoint.support.ts'
import type { ClusterLoadAssignment, LocalityEndpoints } from './endpoint.ts'
import { decodeSafely, Findings } from './findings.ts'
import { DENOMINATORS } from './matchers.ts'
import { MetadataViews } from './metadata-views.ts'
import { endOfField } from './struct.ts'

/** EDS. */
export const clusterLoadAssignmentType: ResourceType<ClusterLoadAssignment> = {
  typeUrl: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  shortName: 'ClusterLoadAssignment',
  fullState: false,
  decode: (bytes, { version }) =>
    decodeSafely(bytes, (): Decoded<ClusterLoadAssignment> => {
      const findings = new Findings()
      const assignment = decodeLoadAssignment(bytes, version, { findings, hostNames: false })
      if (assignment.clusterName === '') findings.error('cluster_name', 'is empty')
      return findings.decoded(assignment.clusterName, assignment)
    }),
}

/** How a load assignment is read. */
export interface LoadAssignmentOptions {
  readonly findings: Findings
  /** Addresses may be host names, as in clusters that are resolved by DNS. */
  readonly hostNames: boolean
}

/** Reads a load assignment, also one that stands in a Cluster. Throws on malformed bytes. */
export function decodeLoadAssignment(
  bytes: Uint8Array,
  version: string,
  options: LoadAssignmentOptions,
): ClusterLoadAssignment {
  return new LoadAssignmentReader(bytes, options).read(version)
}

class LoadAssignmentReader {
  readonly #reader: BinaryReader
  readonly #findings: Findings
  readonly #hostNames: boolean
  readonly #localities: LocalityEndpoints[] = []
  readonly #columns = new ColumnsBuilder()
  // The endpoint that is being read.
  #address = ''
  #port = -1
  #weight = 1
  #health = 0
  #usable = true
  readonly #metadata: MetadataViews

  constructor(bytes: Uint8Array, options: LoadAssignmentOptions) {
    this.#metadata = new MetadataViews(bytes)
    this.#reader = new BinaryReader(bytes)
    this.#findings = options.findings
    this.#hostNames = options.hostNames
  }

  read(version: string): ClusterLoadAssignment {
    const reader = this.#reader
    let clusterName = ''
    const policy = { overprovisioningFactor: 140, keep: 1 }
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) clusterName = reader.string(true)
      else if (tag === MESSAGE_2) this.#locality(endOfField(reader, reader.len))
      else if (tag === MESSAGE_4) this.#policy(endOfField(reader, reader.len), policy)
      else this.#other(`${ENDPOINT}.ClusterLoadAssignment`, tag, '')
    }
    this.#checkPriorities()
    return {
      origin: { type: 'ClusterLoadAssignment', name: clusterName, version, config: null },
      clusterName,
      localities: this.#localities,
      overprovisioningFactor: policy.overprovisioningFactor,
      dropPerMillion: Math.round((1 - policy.keep) * 1_000_000),
    }
  }

  #locality(end: number): void {
    const reader = this.#reader
    const names = { region: '', zone: '', subZone: '' }
    let priority = 0
    let weight = 0
    this.#columns.clear()
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_2) this.#lbEndpoint(endOfField(reader, end))
      else if (tag === MESSAGE_1) this.#localityNames(endOfField(reader, end), names)
      else if (tag === MESSAGE_3) weight = this.#wrappedUint32(endOfField(reader, end))
      else if (tag === VARINT_5) priority = reader.uint32()
      else if (tag === MESSAGE_9) reader.pos = endOfField(reader, end)
      else this.#other(`${ENDPOINT}.LocalityLbEndpoints`, tag, `endpoints[${this.#localities.length}]`)
    }
    this.#close(end)
    const path = `endpoints[${this.#localities.length}]`
    // Envoy: 0 to 128.
    if (priority > 128) this.#findings.error(`${path}.priority`, `${priority} is above 128`)
    if (this.#columns.totalWeight > MAX_UINT32)
      this.#findings.error(`${path}.lb_endpoints`, 'the weights add up to more than 4294967295')
    this.#localities.push({ ...names, priority, weight, endpoints: this.#columns.build() })
  }

  #lbEndpoint(end: number): void {
    const reader = this.#reader
    this.#address = ''
    this.#port = -1
    this.#weight = 1
    this.#health = 0
    this.#usable = true
    let metadata: Uint8Array | null = null
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) this.#endpoint(endOfField(reader, end))
      else if (tag === VARINT_2) this.#health = reader.uint32()
      else if (tag === MESSAGE_3) {
        const inner = endOfField(reader, end)
        metadata = this.#metadata.view(reader.pos, inner)
        reader.pos = inner
      } else if (tag === MESSAGE_4) this.#weight = this.#wrappedUint32(endOfField(reader, end))
      else this.#other(`${ENDPOINT}.LbEndpoint`, tag, this.#path())
    }
    this.#close(end)
    if (this.#weight === 0) this.#findings.error(`${this.#path()}.load_balancing_weight`, 'is 0')
    if (this.#health > MAX_HEALTH) this.#findings.error(`${this.#path()}.health_status`, `${this.#health} is not known`)
    if (this.#usable && this.#port < 0) this.#findings.error(`${this.#path()}.endpoint`, 'has no address and port')
    if (this.#usable) this.#columns.add(this.#address, this.#port, this.#weight, this.#health, metadata)
  }

  #endpoint(end: number): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) this.#anyAddress(endOfField(reader, end))
      else this.#other(`${ENDPOINT}.Endpoint`, tag, `${this.#path()}.endpoint`)
    }
    this.#close(end)
  }

  #anyAddress(end: number): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) this.#socketAddress(endOfField(reader, end))
      else if (tag === MESSAGE_2) this.#pipe(endOfField(reader, end))
      else {
        if (tag === MESSAGE_3) this.#usable = false
        this.#other(`${CORE}.Address`, tag, `${this.#path()}.endpoint.address`)
      }
    }
    this.#close(end)
  }

  #socketAddress(end: number): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_2) this.#address = reader.string(true)
      else if (tag === VARINT_3) this.#port = reader.uint32()
      else this.#other(`${CORE}.SocketAddress`, tag, `${this.#path()}.endpoint.address.socket_address`)
    }
    this.#close(end)
    if (!isIpAddress(this.#address) && (!this.#hostNames || this.#address === ''))
      this.#findings.error(`${this.#path()}.endpoint.address`, `"${this.#address}" is no IP address`)
    if (this.#port > 65_535) this.#findings.error(`${this.#path()}.endpoint.address`, `${this.#port} is no port`)
  }

  #pipe(end: number): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) this.#address = reader.string(true)
      else this.#other(`${CORE}.Pipe`, tag, `${this.#path()}.endpoint.address.pipe`)
    }
    this.#close(end)
    if (this.#address === '') this.#findings.error(`${this.#path()}.endpoint.address.pipe.path`, 'is empty')
    this.#port = 0
  }

  #localityNames(end: number, names: { region: string; zone: string; subZone: string }): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) names.region = reader.string(true)
      else if (tag === MESSAGE_2) names.zone = reader.string(true)
      else if (tag === MESSAGE_3) names.subZone = reader.string(true)
      else this.#other(`${CORE}.Locality`, tag, `endpoints[${this.#localities.length}].locality`)
    }
    this.#close(end)
  }

  #policy(end: number, policy: { overprovisioningFactor: number; keep: number }): void {
    const reader = this.#reader
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_2) policy.keep *= 1 - this.#dropOverload(endOfField(reader, end))
      else if (tag === MESSAGE_3) {
        policy.overprovisioningFactor = this.#wrappedUint32(endOfField(reader, end))
        if (policy.overprovisioningFactor === 0) this.#findings.error('policy.overprovisioning_factor', 'is 0')
      } else this.#other(`${ENDPOINT}.ClusterLoadAssignment.Policy`, tag, 'policy')
    }
    this.#close(end)
  }

  /** The share that is dropped, 0 to 1. */
  #dropOverload(end: number): number {
    const reader = this.#reader
    let numerator = 0
    let denominator: number | undefined = DENOMINATORS[0]
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === MESSAGE_1) reader.pos = endOfField(reader, end)
      else if (tag === MESSAGE_2) {
        const inner = endOfField(reader, end)
        while (reader.pos < inner) {
          const of = reader.uint32()
          if (of === VARINT_1) numerator = reader.uint32()
          else if (of === VARINT_2) denominator = DENOMINATORS[reader.uint32()]
          else reader.skip(of & 7, of >>> 3)
        }
        this.#close(inner)
      } else this.#other(`${ENDPOINT}.ClusterLoadAssignment.Policy.DropOverload`, tag, 'policy.drop_overloads')
    }
    this.#close(end)
    if (denominator === undefined) this.#findings.error('policy.drop_overloads', 'has an unknown denominator')
    return Math.min(1, numerator / (denominator ?? 100))
  }

  #wrappedUint32(end: number): number {
    const reader = this.#reader
    let value = 0
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag === VARINT_1) value = reader.uint32()
      else reader.skip(tag & 7, tag >>> 3)
    }
    this.#close(end)
    return value
  }

  /** A field that is not read: reported and skipped. */
  #other(typeName: string, tag: number, path: string): void {
    const number = tag >>> 3
    if (number === 0) throw new RangeError('field number 0')
    const known = endpointSupport.field(typeName, number)
    if (known === null) this.#findings.unknownField(typeName, number, path)
    else this.#findings.field(known, path === '' ? known.name : `${path}.${known.name}`)
    this.#reader.skip(tag & 7, number)
  }

  #close(end: number): void {
    if (this.#reader.pos !== end) throw new RangeError('a field reaches beyond its message')
  }

  #path(): string {
    return `endpoints[${this.#localities.length}].lb_endpoints[${this.#columns.count}]`
  }

  // gRPC A27 and Envoy's documents: priorities count from 0 without gaps.
  #checkPriorities(): void {
    const used = new Set(this.#localities.map(({ priority }) => priority))
    for (let priority = 0; priority < used.size; priority++)
      if (!used.has(priority)) {
        this.#findings.error('endpoints', `no locality has priority ${priority}, but a later one is there`)
        return
      }
  }
}

const ENDPOINT = 'envoy.config.endpoint.v3'
const CORE = 'envoy.config.core.v3'
const MAX_UINT32 = 4_294_967_295
/** DEGRADED, the last of config.core.v3.HealthStatus. */
const MAX_HEALTH = 5

// Tags: field number and wire type, which is 0 for a varint and 2 for what has a length.
const VARINT_1 = 8
const VARINT_2 = 16
const VARINT_3 = 24
const VARINT_5 = 40
const MESSAGE_1 = 10
const MESSAGE_2 = 18
const MESSAGE_3 = 26
const MESSAGE_4 = 34
const MESSAGE_9 = 74
