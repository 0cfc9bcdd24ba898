// Header fields between undici's forms and core's HeaderMap. undici takes an object, a flat list or pairs for a request,
// and gives a response's fields twice: as an object with lower-case names, and as a flat list of Buffers.
import type { RequestHead } from '@inmesh/core'
import { errors, lowerCase, type ResponseHeaders, type UndiciHeaders } from './undici.ts'

/**
 * Appends a request's fields to `flat` as name, value, ... with names in lower case, and returns the Host header, which
 * core knows as the authority; null when there is none. Throws what undici throws for fields that it would not send.
 */
export function readRequestHeaders(headers: UndiciHeaders | undefined, flat: string[]): string | null {
  if (headers === null || headers === undefined) return null
  let host: string | null = null
  if (Array.isArray(headers)) {
    if (headers.length % 2 !== 0) throw new errors.InvalidArgumentError('headers array must be even')
    for (let i = 0; i < headers.length; i += 2) host = append(flat, headers[i] as string, headers[i + 1], host)
    return host
  }
  if (typeof headers !== 'object') throw new errors.InvalidArgumentError('headers must be an object or an array')
  if (isIterable(headers)) {
    for (const pair of headers) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new errors.InvalidArgumentError('headers must be in key-value pair format')
      host = append(flat, pair[0], pair[1], host)
    }
    return host
  }
  for (const name in headers) {
    if (Object.hasOwn(headers, name)) host = append(flat, name, headers[name], host)
  }
  return host
}

/** A request's fields as undici's flat list, the authority as its Host header: a copy, since a retry changes the head. */
export function toRequestHeaders({ headers: { flat }, authority }: RequestHead): string[] {
  // Joined in one go: a list that has to grow is copied twice.
  return ['host', authority].concat(flat)
}

/** A response's fields, or its trailers, as the flat list of a HeaderMap. */
export function readResponseHeaders(headers: ResponseHeaders): string[] {
  const flat: string[] = []
  // undici made the object: asking for each name whether it is its own would cost as much as the rest.
  for (const name in headers) {
    const value = headers[name]
    if (typeof value === 'string') flat.push(name, value)
    else if (Array.isArray(value)) for (const one of value) flat.push(name, one)
  }
  return flat
}

/** Whether there are any: most responses have no trailers. */
export function hasFields(headers: ResponseHeaders): boolean {
  for (const _ in headers) return true
  return false
}

/** The object form of a flat list. */
export function toHeadersObject(flat: readonly string[]): ResponseHeaders {
  const headers: ResponseHeaders = {}
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const value = flat[i + 1] as string
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    if (Array.isArray(before)) before.push(value)
    else setOwn(headers, name, before === undefined ? value : [before, value])
  }
  return headers
}

/** The raw form of a flat list: what handlers of undici 6 and 7 are given. */
export function toRawHeaders(flat: readonly string[]): Buffer[] {
  const raw: Buffer[] = []
  for (const text of flat) raw.push(Buffer.from(text, 'latin1'))
  return raw
}

function append(flat: string[], given: string, value: unknown, host: string | null): string | null {
  if (value === undefined) return host
  const name = lowerCase(given)
  if (typeof value === 'string') {
    if (name === 'host') return takeHost(value, host)
    flat.push(name, value)
    return host
  }
  if (name === 'host') return takeHost(fieldText(given, value), host)
  if (Array.isArray(value)) for (const one of value) flat.push(name, fieldText(given, one))
  else flat.push(name, fieldText(given, value))
  return host
}

function takeHost(value: string, before: string | null): string {
  if (before !== null) throw new errors.InvalidArgumentError('duplicate host header')
  return value
}

function fieldText(name: string, value: unknown): string {
  if (value === null) return ''
  if (typeof value === 'object') throw new errors.InvalidArgumentError(`invalid ${name} header`)
  return String(value as string | number | boolean)
}

/** As undici: an iterator that somebody put on Object.prototype does not count. */
function isIterable(headers: object): headers is Iterable<[string, string | string[] | undefined]> {
  const prototype: unknown = Object.getPrototypeOf(headers)
  if (Object.hasOwn(headers, Symbol.iterator)) return true
  return prototype !== null && prototype !== Object.prototype && Symbol.iterator in headers
}

function setOwn(headers: ResponseHeaders, name: string, value: string | string[]): void {
  if (name !== '__proto__') headers[name] = value
  else Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true })
}
