// Trace context and x-request-id around a request (HCM tracing and generate_request_id).
//   inbound    continues the caller's trace or starts one, keeps or makes the request id, and leaves both on the Exchange
//              for the adapter to carry to the calls that are made while serving it
//   outbound   sends a child of the current context, and the current request id
// With an OpenTelemetry in the application its spans are the trace: an active span's context is what an outbound call
// carries, the fields are added to that span, and no trace is started on the application's behalf inbound.
import type { Span } from '@opentelemetry/api'
import type { Exchange, Side } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { responseFlagsText } from '../exchange/response-flag.ts'
import { Slot } from '../exchange/slot.ts'
import type { Random } from '../runtime/random.ts'
import { IdSource } from '../telemetry/id-source.ts'
import {
  extractW3c,
  formatTraceparent,
  injectW3c,
  parseTraceparent,
  TRACEPARENT,
  TRACESTATE,
} from '../telemetry/propagation/w3c.ts'
import { type ContextCarrier, requestContextSlot } from '../telemetry/request-context.ts'
import { REQUEST_ID, RequestIds } from '../telemetry/request-id.ts'
import {
  activeSpan,
  childOf,
  enrich,
  hasOpenTelemetry,
  startTrace,
  traceContextOf,
  type TraceContext,
} from '../telemetry/trace.ts'

export interface TracingOptions {
  readonly side: Side
  readonly random: Random
  /** Tells the context of the request being served. */
  readonly carrier: ContextCarrier
  /** Percent of started traces that are sampled, 0 to 100: HCM `tracing.random_sampling`. Null takes Istio's default, 1. */
  readonly randomSampling: number | null
  /** HCM `generate_request_id`; default true. */
  readonly generateRequestId?: boolean
  /** Set on the application's span beside what a request brings, such as `istio.canonical_service`; default none. */
  readonly spanAttributes?: Readonly<Record<string, string>>
}

/** The filter for one side. */
export function createTracingFilter(options: TracingOptions): HttpFilter {
  return options.side === 'outbound' ? new OutboundTracing(options) : new InboundTracing(options)
}

class InboundTracing implements HttpFilter {
  readonly name = 'tracing'
  readonly #ids: IdSource
  readonly #requestIds: RequestIds
  readonly #sampling: number
  readonly #generateRequestId: boolean
  readonly #attributes: Readonly<Record<string, string>>

  constructor(options: TracingOptions) {
    this.#ids = new IdSource(options.random)
    this.#requestIds = new RequestIds(this.#ids)
    this.#sampling = options.randomSampling ?? ISTIO_SAMPLING
    this.#generateRequestId = options.generateRequestId ?? true
    this.#attributes = options.spanAttributes ?? {}
  }

  onRequest(x: Exchange): undefined {
    const headers = x.request.headers
    let requestId = headers.get(REQUEST_ID)
    if (requestId === null || requestId === '') {
      requestId = this.#requestIds.next()
      if (this.#generateRequestId) headers.set(REQUEST_ID, requestId)
    }
    const span = activeSpan()
    if (span !== null) spanSlot.set(x, span)
    requestContextSlot.set(x, { trace: span === null ? this.#trace(headers) : traceContextOf(span), requestId })
  }

  onComplete(x: Exchange): void {
    const span = spanSlot.get(x)
    if (span === undefined) return
    enrich(span, { ...this.#attributes, response_flags: responseFlagsText(x.flags) })
  }

  #trace(headers: HeaderMap): TraceContext {
    const callers = extractW3c(headers)
    if (callers !== null) return callers
    const started = startTrace(this.#ids, this.#sampling)
    // An application's own SDK would take our choice not to sample for its caller's.
    if (hasOpenTelemetry()) {
      headers.remove(TRACEPARENT)
      headers.remove(TRACESTATE)
    } else {
      injectW3c(headers, started)
    }
    return started
  }
}

class OutboundTracing implements HttpFilter {
  readonly name = 'tracing'
  readonly #ids: IdSource
  readonly #requestIds: RequestIds
  readonly #carrier: ContextCarrier
  readonly #sampling: number
  readonly #generateRequestId: boolean
  readonly #attributes: Readonly<Record<string, string>>

  constructor(options: TracingOptions) {
    this.#ids = new IdSource(options.random)
    this.#requestIds = new RequestIds(this.#ids)
    this.#carrier = options.carrier
    this.#sampling = options.randomSampling ?? ISTIO_SAMPLING
    this.#generateRequestId = options.generateRequestId ?? true
    this.#attributes = options.spanAttributes ?? {}
  }

  onRequest(x: Exchange): undefined {
    const headers = x.request.headers
    const current = this.#carrier.current()
    if (!headers.has(REQUEST_ID)) {
      if (current !== null) headers.append(REQUEST_ID, current.requestId)
      else if (this.#generateRequestId) headers.append(REQUEST_ID, this.#requestIds.next())
    }
    const span = activeSpan()
    if (span !== null) spanSlot.set(x, span)
    const given = headers.get(TRACEPARENT)
    if (given !== null && keepGiven(headers, given)) return
    const trace = this.#trace(span, current === null ? null : current.trace)
    if (given !== null) injectW3c(headers, trace)
    else append(headers, trace)
  }

  onComplete(x: Exchange): void {
    const span = spanSlot.get(x)
    if (span === undefined) return
    enrich(span, {
      ...this.#attributes,
      upstream_cluster: x.cluster === null ? '-' : x.cluster.name,
      'peer.address': x.endpoint === null ? '-' : x.endpoint.key,
      response_flags: responseFlagsText(x.flags),
      ...(x.attempts > 1 ? { 'http.request.resend_count': x.attempts - 1 } : null),
    })
  }

  #trace(span: Span | null, current: TraceContext | null): TraceContext {
    // No span of ours stands between the active one and the upstream, so the active one is the parent there.
    if (span !== null) return traceContextOf(span)
    return current === null ? startTrace(this.#ids, this.#sampling) : childOf(current, this.#ids)
  }
}

/** Leaves one valid traceparent of those the application set, the last of several; false when none is valid. */
function keepGiven(headers: HeaderMap, given: string): boolean {
  if (parseTraceparent(given) !== null) return true
  const values = headers.getAll(TRACEPARENT)
  for (let i = values.length - 1; i >= 0; i--) {
    const value = values[i] as string
    if (parseTraceparent(value) === null) continue
    headers.set(TRACEPARENT, value)
    return true
  }
  return false
}

/** The common case: there is no traceparent, and a tracestate without one means nothing. */
function append(headers: HeaderMap, trace: TraceContext): void {
  headers.append(TRACEPARENT, formatTraceparent(trace))
  if (trace.state === '') headers.remove(TRACESTATE)
  else headers.set(TRACESTATE, trace.state)
}

/** The application's span that was active at the request; set only where there is one. */
const spanSlot: Slot<Span> = new Slot()
// PILOT_TRACE_SAMPLING.
const ISTIO_SAMPLING = 1
