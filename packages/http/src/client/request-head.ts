// What undici is asked to send, in core's terms: the head that routes and filters read and change, and the body.
import { HeaderMap, RequestHead } from '@inmesh/core'
import type { BodySource } from './replay-body.ts'
import type { Destination } from './target.ts'
import { bodyLength, type DispatchOptions, serializePathWithQuery } from './undici.ts'
import { readRequestHeaders } from './undici-headers.ts'

/** The request's head. The authority is the Host header, without one that of the URL. */
export function readRequestHead(options: DispatchOptions, destination: Destination): RequestHead {
  const { method, path, query, headers } = options
  const flat: string[] = []
  const authority = readRequestHeaders(headers, flat) ?? destination.authority
  const fullPath = query === undefined || query === null ? path : serializePathWithQuery(path, query)
  return new RequestHead(method, destination.scheme, authority, fullPath, new HeaderMap(flat))
}

/** The body if it can be read only once; null for what each attempt can send anew. May add its length to `head`. */
export function readOnceBody(options: DispatchOptions, head: RequestHead): BodySource | null {
  const body: unknown = options.body
  if (!isReadOnce(body)) return null
  // undici sends a stream that has ended already by its length; behind our iterator it could not see that.
  const length = bodyLength(body)
  if (length !== null && length > 0 && !head.headers.has('content-length'))
    head.headers.append('content-length', String(length))
  return body
}

// A FormData or a Blob gives a new stream for each attempt.
function isReadOnce(body: unknown): body is BodySource {
  if (typeof body !== 'object' || body === null) return false
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return false
  if (Symbol.toStringTag in body && REPEATABLE.has(body[Symbol.toStringTag])) return false
  return Symbol.asyncIterator in body || Symbol.iterator in body
}

const REPEATABLE: ReadonlySet<unknown> = new Set(['FormData', 'Blob', 'File'])
