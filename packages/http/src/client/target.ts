// Where a request wants to go, read from its origin (URL scheme, host and port), which undici gives as a string or a URL.
import type { Target } from '@inmesh/core'

/** A target together with the authority that a request without a Host header has there. */
export interface Destination extends Target {
  /** host[:port], the port left out when it is the scheme's own; IPv6 in brackets. */
  readonly authority: string
}

/** Origins that have been read before, so that a request costs one look-up. */
export class Destinations {
  readonly #byOrigin = new Map<string, Destination | null>()

  /** Null for what is not http or https, or no origin at all. */
  of(origin: string | URL | null | undefined): Destination | null {
    if (origin === null || origin === undefined) return null
    const text = typeof origin === 'string' ? origin : origin.origin
    let destination = this.#byOrigin.get(text)
    if (destination !== undefined) return destination
    destination = parseOrigin(text)
    if (this.#byOrigin.size >= MAX_ORIGINS) this.#byOrigin.clear()
    this.#byOrigin.set(text, destination)
    return destination
  }
}

function parseOrigin(origin: string): Destination | null {
  const url = URL.parse(origin)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return null
  const secure = url.protocol === 'https:'
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port)
  return { scheme: secure ? 'https' : 'http', host, port, authority: url.host }
}

// A process that calls arbitrary hosts must not keep them all.
const MAX_ORIGINS = 1024
