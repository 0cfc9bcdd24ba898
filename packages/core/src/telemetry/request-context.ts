// What has to travel from a request that this process serves to the calls it makes while serving it: the trace and the
// request id. Behind a sidecar the application forwards them by hand; in the process an adapter's async context does.
import { Slot } from '../exchange/slot.ts'
import type { TraceContext } from './trace.ts'

/** Made by the inbound tracing filter, read by the outbound one. */
export interface RequestContext {
  readonly trace: TraceContext
  /** x-request-id. */
  readonly requestId: string
}

/** Tells the context of the request on whose behalf this process is running right now. */
export interface ContextCarrier {
  /** Null outside of any request. */
  current(): RequestContext | null
}

/** For a process that serves nothing, and for tests. */
export const noContext: ContextCarrier = { current: () => null }

/** Where the inbound tracing filter leaves the context on the Exchange, for the adapter to carry on. */
export const requestContextSlot: Slot<RequestContext> = new Slot()
