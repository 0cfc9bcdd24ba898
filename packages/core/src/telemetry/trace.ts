// Where a request stands in a trace, and how that meets an OpenTelemetry that the application runs. Nothing is loaded for
// it: copies of @opentelemetry/api of any 1.x find each other through one global object, whose context manager tells the
// active span. Reading that object works with whatever copy the application brought; importing one of our own would not,
// since an API refuses a global that was registered by an older one.
import type { Context, ContextManager, Span, SpanContext } from '@opentelemetry/api'
import type { IdSource } from './id-source.ts'

/** One place in a trace: W3C's trace-id, parent-id, trace-flags and tracestate. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 lower-case hexadecimal digits, not all zero. */
  readonly spanId: string
  /** Bit 0 is `sampled`. */
  readonly flags: number
  /** The tracestate list; '' for none. */
  readonly state: string
}

/** Starts a trace. `sampledPercent` is the share of traces that are sampled, 0 to 100: HCM `tracing.random_sampling`. */
export function startTrace(ids: IdSource, sampledPercent: number): TraceContext {
  const sampled = sampledPercent > 0 && ids.next() * 100 < sampledPercent
  return { traceId: nonZero(ids.take(32)), spanId: nonZero(ids.take(16)), flags: sampled ? 1 : 0, state: '' }
}

/** A new place below `parent` in the same trace. */
export function childOf(parent: TraceContext, ids: IdSource): TraceContext {
  return { traceId: parent.traceId, spanId: nonZero(ids.take(16)), flags: parent.flags, state: parent.state }
}

/** True when an OpenTelemetry API has been registered in this process, by whichever copy. */
export function hasOpenTelemetry(): boolean {
  return (globalThis as GlobalWithApi)[API] !== undefined
}

/** The active span of the application's OpenTelemetry; null when there is none or it has no valid context. Never throws. */
export function activeSpan(): Span | null {
  const api = (globalThis as GlobalWithApi)[API]
  if (api === undefined || api.context === undefined) return null
  try {
    const span = api.context.active().getValue(SPAN_KEY) as Span | undefined
    return span !== undefined && isValid(span.spanContext()) ? span : null
  } catch {
    return null
  }
}

/** A span's context as ours. */
export function traceContextOf(span: Span): TraceContext {
  const context = span.spanContext()
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    flags: context.traceFlags,
    state: context.traceState?.serialize() ?? '',
  }
}

/** Sets attributes on a span that still records; a span of the application's that throws is left alone. */
export function enrich(span: Span, attributes: Readonly<Record<string, string | number>>): void {
  try {
    if (span.isRecording()) span.setAttributes(attributes)
  } catch {
    // A fault in somebody's span processor must not reach the request.
  }
}

function isValid(context: SpanContext): boolean {
  return context.traceId !== NO_TRACE && context.traceId.length === 32 && context.spanId.length === 16
}

// All-zero ids mean "none" on the wire; one in 2^64 draws would be.
function nonZero(id: string): string {
  return id.charCodeAt(0) === ZERO && (id === NO_TRACE || id === NO_SPAN) ? `${id.slice(1)}1` : id
}

interface GlobalWithApi {
  [API]?: { readonly context?: ContextManager }
}

const API: unique symbol = Symbol.for('opentelemetry.js.api.1')
// The key under which every copy of the API keeps the span in a Context (createContextKey is Symbol.for).
const SPAN_KEY: Parameters<Context['getValue']>[0] = Symbol.for('OpenTelemetry Context Key SPAN')
const NO_TRACE = '00000000000000000000000000000000'
const NO_SPAN = '0000000000000000'
const ZERO = 0x30
