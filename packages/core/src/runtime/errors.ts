// The one error class of inmesh and its closed table of codes. docs/errors.md explains each code; a test compares the two.

/** Every code an inmesh error can carry, with what it means. */
export const ERROR_CODES = {
  MESH_OPTION_INVALID: 'an option or environment variable has a value that cannot be used',
  MESH_CLOSED: 'the mesh was used after close()',
  MESH_NOT_READY: 'no configuration has arrived and the bootstrap mode refuses to go on without one',
  MESH_XDS_UNAVAILABLE: 'the control plane cannot be reached',
  MESH_XDS_RESOURCE_INVALID: 'a resource from the control plane was rejected (NACK)',
  MESH_XDS_RESOURCE_MISSING: 'the control plane has no resource of that name',
  MESH_UPSTREAM_RESET: 'the connection to the upstream ended while the response was under way',
  MESH_UPSTREAM_TIMEOUT: 'a timeout of the route ended the response while it was under way',
  MESH_CONFIG_INVALID: 'a configuration file or object is wrong',
  MESH_INTERNAL: 'a fault in inmesh itself: please report it',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** What an error may carry beside its message. */
export interface MeshErrorOptions {
  readonly cause?: unknown
  /** What to do next, as one sentence. */
  readonly hint?: string
}

const BRAND: unique symbol = Symbol.for('inmesh.error')

/** An error of inmesh. Two copies of the library recognise each other's errors by brand. */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly hint: string | null

  constructor(code: ErrorCode, message: string, options: MeshErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint ?? null
    Object.defineProperty(this, BRAND, { value: true })
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && BRAND in value
  }

  /** Turns anything thrown into a MeshError; a MeshError passes unchanged. The only converter. */
  static from(value: unknown, code: ErrorCode = 'MESH_INTERNAL'): MeshError {
    if (value instanceof MeshError) return value as MeshError
    const message = value instanceof Error ? value.message : String(value)
    return new MeshError(code, message, { cause: value })
  }
}
