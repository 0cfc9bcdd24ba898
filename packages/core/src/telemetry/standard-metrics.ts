// Istio's standard metrics of requests, counted on our own cells. A request finds its series through small caches keyed by
// the identity of what determines the labels, so that no label string is built for a series that exists:
//
//     outbound   cluster (or catch-all name and authority) -> peer -> status, protocol, grpc status, mtls -> flags
//     inbound    cluster, else route                       -> peer -> the same
//
// The caches are indexes only. Series live in one table, keyed by their label values and bounded in number.
// Differs from Envoy: series are bounded, durations keep fractions of a millisecond, and head bytes are those of HTTP/1.1.
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import { unknownPeer, type Peer } from '../exchange/peer.ts'
import type { Logger } from '../runtime/log.ts'
import { grpcStatusOf, INVALID_GRPC_STATUS, isGrpcContentType } from './grpc-status.ts'
import { catchAllName, ISTIO_LABELS, istioLabels, peerForLabels, type ResponseLabels } from './istio-labels.ts'
import { Series, SeriesHistogram } from './series.ts'

export interface StandardMetricsOptions {
  /** This workload; its `principal` is our own SPIFFE id. */
  readonly self: Peer
  /** Where the one warning goes when `maxSeries` is reached. */
  readonly log: Logger
  /** Combinations of labels kept apart; what comes after is counted in an overflow series per reporter and status. At least 1, default 2,000 (one takes about 1 KB, and 64 lines of a scrape). */
  readonly maxSeries?: number
}

/** The standard metrics of this process, both reporters. */
export class StandardMetrics {
  readonly #self: Peer
  readonly #log: Logger
  readonly #maxSeries: number
  readonly #table = new Map<string, Series>()
  readonly #overflow = new Map<string, Series>()
  #warned = false

  // The first level of the caches; each keeps its last hit in front.
  #clusters = new WeakMap<object, PeerIndex>()
  #lastCluster: object | null = null
  #lastClusterIndex: PeerIndex = new PeerIndex()
  #services = new WeakMap<object, PeerIndex>()
  #lastService: object | null = null
  #lastServiceIndex: PeerIndex = new PeerIndex()
  readonly #catchAlls = new Map<string, Map<string, PeerIndex>>()

  constructor(options: StandardMetricsOptions) {
    this.#self = options.self
    this.#log = options.log
    this.#maxSeries = options.maxSeries ?? DEFAULT_MAX_SERIES
  }

  /** Counts a completed exchange: requests, duration, and the wire bytes of both directions. */
  record(x: Exchange): void {
    const requestHead = scan(x.request.headers)
    const grpc = lastScanGrpc
    const index = x.side === 'outbound' ? this.#outbound(x) : this.#inbound(x)
    const codes = index.of(peerForLabels(x) ?? unknownPeer)
    const response = x.response
    const status = response === null ? 0 : response.status & STATUS_MASK
    const grpcStatus = grpc ? grpcStatusOf(x) : null
    const mtls = x.connection !== null && x.connection.mtls ? 1 : 0
    const code = (((status << 1) | mtls) << 5) | (grpc ? grpcBits(grpcStatus) : NOT_GRPC)
    const series = codes.get(code, x.flags) ?? this.#add(codes, code, x, { grpc, status, grpcStatus, flags: x.flags })

    series.increment()
    if (x.completedAt > 0) series.observe(SeriesHistogram.Duration, Math.max(0, x.completedAt - x.startedAt))
    series.observe(
      SeriesHistogram.RequestBytes,
      requestHead + x.request.method.length + x.request.path.length + REQUEST_LINE + x.requestBodyBytes,
    )
    series.observe(
      SeriesHistogram.ResponseBytes,
      (response === null ? 0 : scan(response.headers) + STATUS_LINE) + x.responseBodyBytes,
    )
  }

  /** Every series, the overflow's last. */
  *series(): IterableIterator<Series> {
    yield* this.#table.values()
    yield* this.#overflow.values()
  }

  /** Number of series, the overflow's included. */
  get size(): number {
    return this.#table.size + this.#overflow.size
  }

  #outbound(x: Exchange): PeerIndex {
    const cluster = x.cluster
    if (cluster === null || cluster.service === null) return this.#byAuthority(x)
    const route = x.route
    if (route !== null && (route.name === 'allow_any' || route.name === 'block_all')) return this.#byAuthority(x)
    if (cluster === this.#lastCluster) return this.#lastClusterIndex
    let index = this.#clusters.get(cluster)
    if (index === undefined) {
      index = new PeerIndex()
      this.#clusters.set(cluster, index)
    }
    this.#lastCluster = cluster
    this.#lastClusterIndex = index
    return index
  }

  #byAuthority(x: Exchange): PeerIndex {
    const name = catchAllName(x.route, x.cluster === null ? null : x.cluster.name) ?? ''
    let authorities = this.#catchAlls.get(name)
    if (authorities === undefined) {
      authorities = new Map()
      this.#catchAlls.set(name, authorities)
    }
    const authority = x.request.authority
    let index = authorities.get(authority)
    if (index === undefined) {
      if (authorities.size >= this.#maxSeries) authorities.clear()
      index = new PeerIndex()
      authorities.set(authority, index)
    }
    return index
  }

  #inbound(x: Exchange): PeerIndex {
    const service = x.cluster ?? x.route ?? NO_ROUTE
    if (service === this.#lastService) return this.#lastServiceIndex
    let index = this.#services.get(service)
    if (index === undefined) {
      index = new PeerIndex()
      this.#services.set(service, index)
    }
    this.#lastService = service
    this.#lastServiceIndex = index
    return index
  }

  #add(codes: CodeIndex, code: number, x: Exchange, response: ResponseLabels): Series {
    const labels = istioLabels(x, this.#self, response)
    const key = labels.join('\u0000')
    let series = this.#table.get(key)
    if (series === undefined) {
      if (this.#table.size >= this.#maxSeries) {
        series = this.#overflowSeries(x, response)
      } else {
        series = new Series(labels)
        this.#table.set(key, series)
      }
    }
    codes.set(code, x.flags, series)
    return series
  }

  /** Own workload and status stay, so that rates and error ratios of this process remain right. */
  #overflowSeries(x: Exchange, response: ResponseLabels): Series {
    if (!this.#warned) {
      this.#warned = true
      this.#log.warn(`metrics: ${this.#maxSeries} series reached, further label combinations are counted as unknown`)
    }
    const status = response.status >= 100 && response.status < 600 ? response.status : 0
    const key = `${x.side} ${status}`
    let series = this.#overflow.get(key)
    if (series === undefined) {
      const own = x.side === 'outbound' ? 'source_' : 'destination_'
      const known = istioLabels(x, this.#self, { grpc: false, status, grpcStatus: null, flags: 0 })
      const labels = ISTIO_LABELS.map((name, i) => {
        const varies = !(KEPT_IN_OVERFLOW.has(name) || (name.startsWith(own) && !OF_REQUEST.has(name)))
        return varies ? 'unknown' : (known[i] as string)
      })
      series = new Series(labels)
      this.#overflow.set(key, series)
    }
    return series
  }
}

/** Second level: by the peer's identity. Weak, because peers are replaced as endpoints and callers come and go. */
class PeerIndex {
  readonly #peers = new WeakMap<Peer, CodeIndex>()
  #last: Peer | null = null
  #lastCodes: CodeIndex = new CodeIndex()

  of(peer: Peer): CodeIndex {
    if (peer === this.#last) return this.#lastCodes
    let codes = this.#peers.get(peer)
    if (codes === undefined) {
      codes = new CodeIndex()
      this.#peers.set(peer, codes)
    }
    this.#last = peer
    this.#lastCodes = codes
    return codes
  }
}

/** Last level: by small integers, which a Map takes without allocating. */
class CodeIndex {
  #codes = new Map<number, Series>()
  #flagged: Map<number, Map<number, Series>> | null = null
  #lastCode = -1
  #last: Series | null = null

  get(code: number, flags: number): Series | null {
    if (flags !== 0) return this.#flagged?.get(flags)?.get(code) ?? null
    if (code === this.#lastCode) return this.#last
    const series = this.#codes.get(code)
    if (series === undefined) return null
    this.#lastCode = code
    this.#last = series
    return series
  }

  set(code: number, flags: number, series: Series): void {
    if (flags === 0) {
      this.#codes.set(code, series)
      return
    }
    this.#flagged ??= new Map()
    let codes = this.#flagged.get(flags)
    if (codes === undefined) {
      codes = new Map()
      this.#flagged.set(flags, codes)
    }
    codes.set(code, series)
  }
}

/** Bytes of a head's fields as HTTP/1.1 writes them: name, `: `, value, CRLF. Tells by lastScanGrpc whether it is gRPC's. */
function scan(headers: HeaderMap): number {
  const flat = headers.flat
  let bytes = flat.length << 1
  lastScanGrpc = false
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const value = flat[i + 1] as string
    bytes += name.length + value.length
    if (name.length === CONTENT_TYPE.length && name === CONTENT_TYPE) lastScanGrpc = isGrpcContentType(value)
  }
  return bytes
}

// A second result of scan(), beside it and not in an object: it is read at once and saves an allocation per request.
let lastScanGrpc = false

function grpcBits(status: number | null): number {
  if (status === null) return NO_GRPC_STATUS
  return status === INVALID_GRPC_STATUS ? INVALID_BITS : status
}

const CONTENT_TYPE = 'content-type'
const DEFAULT_MAX_SERIES = 2_000
const NO_ROUTE = {}
const STATUS_MASK = 1023
// Five bits: 0 to 16 are codes.
const NOT_GRPC = 31
const NO_GRPC_STATUS = 30
const INVALID_BITS = 29
// `GET ` and ` HTTP/1.1\r\n`, and the empty line after the fields.
const REQUEST_LINE = 14
// `HTTP/1.1 200 OK\r\n`, and the empty line after the fields.
const STATUS_LINE = 19
const KEPT_IN_OVERFLOW: ReadonlySet<string> = new Set(['reporter', 'response_code'])
const OF_REQUEST: ReadonlySet<string> = new Set([
  'source_principal',
  'destination_principal',
  'destination_service',
  'destination_service_name',
])
