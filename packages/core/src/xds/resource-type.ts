// What the xDS client must know of a resource type, and what a decoder answers (gRFC A27, A46: all errors in one NACK).
import type { Origin } from '../resources/origin.ts'

/** The outcome of decoding one resource. A warning is a field that is approximated or ignored, or unknown to us. */
export type Decoded<T> =
  | { readonly ok: true; readonly name: string; readonly resource: T; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly name: string; readonly errors: readonly string[] }

/** A type of resource: its URL, how it is asked for, how it is read. */
export interface ResourceType<T> {
  /** With `type.googleapis.com/`. */
  readonly typeUrl: string
  /** Short name for logs and origins, such as `Listener`. */
  readonly shortName: string
  /** State of the world: a response carries every resource (LDS, CDS), so what is left out is deleted. */
  readonly fullState: boolean
  /**
   * Decodes a resource. Never throws. `origin` is completed by the decoder with the Istio object it came from.
   * The bytes may be kept: nobody changes them.
   */
  decode(bytes: Uint8Array, origin: Pick<Origin, 'version'>): Decoded<T>
}
