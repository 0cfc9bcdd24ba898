// Header fields between node:http's shapes and the mesh's: a request's rawHeaders and headers, and the four ways in which
// an application gives a response's fields (setHeader, an object, a flat list, a list of pairs).
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { HeaderMap, RequestHead, ResponseHead } from '@inmesh/core'

/** The head of a request as the mesh reads it. */
export function requestHead(req: IncomingMessage): RequestHead {
  const url = req.url ?? '/'
  const authority = req.headers.host ?? ''
  const headers = HeaderMap.fromRaw(req.rawHeaders)
  const method = req.method ?? 'GET'
  if (url.charCodeAt(0) === SLASH) return new RequestHead(method, 'http', authority, url, headers)
  if (method === 'CONNECT') return new RequestHead(method, 'http', url, '', headers)
  return absoluteForm(method, authority, url, headers)
}

/** RFC 9112, 3.2.2: a target in absolute form carries the authority; the Host field does not count then. */
function absoluteForm(method: string, host: string, url: string, headers: HeaderMap): RequestHead {
  const start = url.indexOf('://') + 3
  if (start < 3) return new RequestHead(method, 'http', host, url, headers)
  let end = start
  while (end < url.length && url[end] !== '/' && url[end] !== '?') end++
  const path = url.slice(end)
  return new RequestHead(method, 'http', url.slice(start, end), path.startsWith('/') ? path : `/${path}`, headers)
}

/** Shows the application the request as the request phase left it: method, target and header fields. */
export function applyRequestHead(req: IncomingMessage, head: RequestHead): void {
  if (head.method !== req.method) req.method = head.method
  if (head.path !== req.url || head.authority !== req.headers.host) applyTarget(req, head)
  const { headers } = head
  if (!headers.changed) return
  if (headers.untouched >= req.rawHeaders.length) appendFields(req, headers, req.rawHeaders.length)
  else changeFields(req, headers, headers.untouched)
  countFields(req)
}

/** Path and authority, where the request phase has changed them; a target in absolute form differs from both anyway. */
function applyTarget(req: IncomingMessage, head: RequestHead): void {
  const before = requestHead(req)
  if (head.path !== before.path) req.url = head.path
  if (head.authority !== before.authority) head.headers.set('host', head.authority)
}

function appendFields(req: IncomingMessage, headers: HeaderMap, from: number): void {
  const { flat } = headers
  const shown = req.headers
  for (let i = from; i < flat.length; i += 2) {
    const name = flat[i] as string
    req.rawHeaders.push(name, flat[i + 1] as string)
    if (shown[name] === undefined && name !== 'set-cookie') shown[name] = flat[i + 1] as string
    else show(shown, name, headers)
  }
}

/** Walks both lists: what is still in its order is the caller's, the rest has been changed, removed or added. */
function changeFields(req: IncomingMessage, headers: HeaderMap, from: number): void {
  const now = headers.flat
  const raw = req.rawHeaders
  const list = now.slice()
  const touched: string[] = []
  const removed: string[] = []
  let j = from
  for (let i = 0; i < from; i += 2) list[i] = raw[i] as string
  for (let i = from; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase()
    if (name !== now[j]) (headers.has(name) ? touched : removed).push(name)
    else {
      if (raw[i + 1] === now[j + 1]) list[j] = raw[i] as string
      else touched.push(name)
      j += 2
    }
  }
  for (; j < now.length; j += 2) touched.push(now[j] as string)
  req.rawHeaders = list
  if (removed.length > 0) req.headers = without(req.headers, removed)
  for (const name of touched) show(req.headers, name, headers)
}

/** A copy: deleting would turn the object into a dictionary, slower to make and slower for the application to read. */
function without(headers: IncomingHttpHeaders, removed: readonly string[]): IncomingHttpHeaders {
  const kept: IncomingHttpHeaders = {}
  // Mostly peer metadata, which is two fields.
  const [first, second] = removed
  const more = removed.length > 2
  for (const name in headers) {
    if (name !== first && name !== second && !(more && removed.includes(name))) kept[name] = headers[name]
  }
  return kept
}

/** Brings one field of `req.headers` up to date, joined as node:http joins it. */
function show(shown: IncomingHttpHeaders, name: string, headers: HeaderMap): void {
  const values = headers.getAll(name)
  if (name === 'set-cookie') shown[name] = values
  else if (name === 'cookie') shown[name] = values.join('; ')
  else shown[name] = ONCE.has(name) ? values[0] : values.join(', ')
}

/** Lets `headersDistinct`, which node:http makes when it is first read, cover what was added. */
function countFields(req: IncomingMessage): void {
  countSymbol ??= Object.getOwnPropertySymbols(req).find((symbol) => symbol.description === 'kHeadersCount')
  if (countSymbol === undefined) return
  ;(req as unknown as Record<symbol, number>)[countSymbol] = req.rawHeaders.length
}

let countSymbol: symbol | undefined

/** Fields that an application gives to writeHead. */
export type WriteHeadFields = Readonly<Record<string, unknown>> | readonly unknown[] | undefined

/**
 * The response's head as it is about to be sent: fields set before, overridden by those given to writeHead. Null when a
 * value is not one that node:http takes; it will say so itself.
 */
export function responseHead(res: ServerResponse, status: number, fields: WriteHeadFields): ResponseHead | null {
  const flat: string[] = []
  // Not getHeaders(), which copies them into an object that is slow to make.
  const set = res.getHeaderNames()
  for (let i = 0; i < set.length; i++) {
    const name = set[i] as string
    if (!appendValue(flat, name, res.getHeader(name))) return null
  }
  if (fields !== undefined && fields !== null) {
    const list = Array.isArray(fields)
      ? appendList(flat, fields)
      : appendObject(flat, fields as Record<string, unknown>)
    if (!list) return null
  }
  return new ResponseHead(status, new HeaderMap(flat))
}

/** A flat list or a list of pairs. It may repeat a name, but overrides what was set before. */
function appendList(flat: string[], fields: readonly unknown[]): boolean {
  const pairs: readonly unknown[] = Array.isArray(fields[0]) ? fields.flat() : fields
  if (flat.length > 0) for (let i = 0; i < pairs.length; i += 2) removeField(flat, String(pairs[i]).toLowerCase())
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    if (!appendValue(flat, String(pairs[i]).toLowerCase(), pairs[i + 1])) return false
  }
  return true
}

function appendObject(flat: string[], fields: Readonly<Record<string, unknown>>): boolean {
  const overriding = flat.length > 0
  for (const name of Object.keys(fields)) {
    const lower = name.toLowerCase()
    if (overriding) removeField(flat, lower)
    if (!appendValue(flat, lower, fields[name])) return false
  }
  return true
}

function removeField(flat: string[], name: string): void {
  for (let i = flat.length - 2; i >= 0; i -= 2) if (flat[i] === name) flat.splice(i, 2)
}

function appendValue(flat: string[], name: string, value: unknown): boolean {
  if (typeof value === 'string') flat.push(name, value)
  else if (typeof value === 'number') flat.push(name, `${value}`)
  else if (value === undefined || value === null) return false
  else if (!Array.isArray(value)) flat.push(name, (value as { toString(): string }).toString())
  else for (const one of value) if (!appendValue(flat, name, one)) return false
  return true
}

const SLASH = 47

// What IncomingMessage keeps the first of (node:http, `message.headers`).
const ONCE: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])
