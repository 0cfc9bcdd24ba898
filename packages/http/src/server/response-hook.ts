// The response phase on node:http: the head as it is about to be sent, body bytes, and events in the request's async
// context. The three prototypes are patched once, when the first server is meshed; messages without a call pass by at the
// price of one property read. Prototypes and not subclasses, because frameworks put prototypes of their own in between.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { byteLength, CALL, type Meshed, type OutgoingFields, type ServerCall } from './server-call.ts'
import { responseHead, type WriteHeadFields } from './node-headers.ts'

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean
type WriteHead = (this: ServerResponse, status: number, ...rest: unknown[]) => ServerResponse
type Write = (this: ServerResponse, ...args: unknown[]) => boolean
type End = (this: ServerResponse, ...args: unknown[]) => ServerResponse

/** Patches node:http's messages; a second call does nothing. */
export function installResponseHook(): void {
  if (installed) return
  installed = true
  // Not an import: as a module, node:http loads every one of its exports, undici among them.
  const http = process.getBuiltinModule('node:http')
  const response = http.ServerResponse.prototype as unknown as Record<string, unknown>
  patchEmit(http.IncomingMessage.prototype as unknown as Record<string, unknown>)
  patchEmit(response)
  patchWriteHead(response)
  patchWrite(response)
  patchEnd(response)
}

let installed = false

function patchEmit(prototype: Record<string, unknown>): void {
  const emit = prototype['emit'] as Emit
  replace(prototype, 'emit', function (this: (IncomingMessage | ServerResponse) & Meshed): boolean {
    const call = this[CALL]
    // oxlint-disable-next-line prefer-rest-params -- no array for messages that are not ours
    return call === undefined ? (Reflect.apply(emit, this, arguments) as boolean) : call.emit(this, emit, arguments)
  })
}

function patchWriteHead(prototype: Record<string, unknown>): void {
  const writeHead = prototype['writeHead'] as WriteHead
  replace(prototype, 'writeHead', function (this: ServerResponse & Meshed, status: number): ServerResponse {
    const call = this[CALL]
    // oxlint-disable-next-line prefer-rest-params -- no array for messages that are not ours
    if (call === undefined) return Reflect.apply(writeHead, this, arguments) as ServerResponse
    if (call.connection.closing) this.shouldKeepAlive = false
    // oxlint-disable-next-line prefer-rest-params -- handed on as it is
    const changed = call.responded || this.headersSent ? null : respond(this, call, status, arguments)
    // oxlint-disable-next-line prefer-rest-params -- handed on as it is
    Reflect.apply(writeHead, this, Array.isArray(changed) ? changed : arguments)
    if (typeof changed === 'string') addFields(this, changed)
    call.responded = true
    return this
  })
}

/**
 * Runs the response phase. Null: writeHead's arguments stay as they are; text: and these fields follow them; a list: it is
 * to be called with these instead.
 */
function respond(
  res: ServerResponse,
  call: ServerCall,
  given: number,
  args: ArrayLike<unknown>,
): string | unknown[] | null {
  const status = given | 0
  const reason = args[1]
  const withReason = typeof reason === 'string'
  const fields = (withReason ? args[2] : (args[2] ?? reason)) as WriteHeadFields
  const head = status < 100 || status > 999 ? null : responseHead(res, status, fields)
  // node:http refuses what it can't send, and the application answers anew.
  if (head === null) return null
  const { headers } = head
  const length = headers.flat.length
  try {
    call.inbound.onResponse(head)
  } catch (error) {
    // A fault of ours is not the application's: its response goes out as it is.
    call.served.mesh.log.error('the response phase failed', { error: String(error) })
    return null
  }
  if (head.status === status) {
    if (!headers.changed) return null
    const text = headers.untouched < length ? '' : fieldText(headers.flat, length)
    if (text !== '') return text
  }
  if (head.status !== status) res.statusMessage = ''
  else if (withReason) res.statusMessage = reason
  const before = responseHead(res, status, fields)?.headers.flat ?? []
  for (let i = 0; i < before.length; i += 2) {
    const name = before[i] as string
    if (!headers.has(name)) res.removeHeader(name)
  }
  return [head.status, sendable(call, headers.flat, before)]
}

/** Without what node:http would refuse: that is a fault of ours, and the application must not get its exception. */
function sendable(call: ServerCall, flat: readonly string[], before: readonly string[]): string[] {
  const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http')
  const kept: string[] = []
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string
    const value = flat[i + 1] as string
    try {
      if (!before.includes(name)) validateHeaderName(name)
      if (!before.includes(value)) validateHeaderValue(name, value)
      kept.push(name, value)
    } catch (error) {
      call.served.mesh.log.error('a response field cannot be sent', { error: String(error) })
    }
  }
  return kept
}

/** Added fields as they are sent; '' for such as node:http has to know of, or would not send. */
function fieldText(flat: readonly string[], from: number): string {
  let text = ''
  for (let i = from; i < flat.length; i += 2) {
    const name = flat[i] as string
    const value = flat[i + 1] as string
    if (!name.startsWith('x-') || !matches(NAME, name) || !matches(VALUE, value)) return ''
    text += `${name}: ${value}\r\n`
  }
  return text
}

interface Known {
  readonly pattern: RegExp
  readonly texts: Set<string>
}

/** Peers are told the same again and again, and node:http would look at each byte of it each time. */
function matches({ pattern, texts }: Known, text: string): boolean {
  if (texts.has(text)) return true
  if (!pattern.test(text)) return false
  if (texts.size >= MOST_REMEMBERED) texts.clear()
  texts.add(text)
  return true
}

// RFC 9110, 5.1 and 5.5, without the bytes above ASCII.
const NAME: Known = { pattern: /^[-!#$%&'*+.^_`|~0-9a-z]+$/, texts: new Set() }
const VALUE: Known = { pattern: /^[\t\x20-\x7e]*$/, texts: new Set() }
const MOST_REMEMBERED = 256

/** Adds to the head that writeHead has made. It has not been sent: that happens with the body's first byte, or the end. */
function addFields(res: ServerResponse, text: string): void {
  const made = res as { _header?: string }
  if (made._header !== undefined) made._header = `${made._header.slice(0, -2)}${text}\r\n`
}

/** Bytes whose number node:http does not know beforehand. */
function patchWrite(prototype: Record<string, unknown>): void {
  const write = prototype['write'] as Write
  replace(prototype, 'write', function (this: ServerResponse & Meshed, chunk: unknown, encoding: unknown): boolean {
    // oxlint-disable-next-line prefer-rest-params -- handed on as it is
    const more = Reflect.apply(write, this, arguments) as boolean
    const call = this[CALL]
    if (call !== undefined && (this as OutgoingFields)._hasBody !== false) call.responseBytes += size(chunk, encoding)
    return more
  })
}

/** The last chunk counts only where the head has gone without a length; otherwise node:http takes the length from it. */
function patchEnd(prototype: Record<string, unknown>): void {
  const end = prototype['end'] as End
  replace(prototype, 'end', function (this: ServerResponse & Meshed, chunk: unknown, encoding: unknown) {
    const call = this[CALL]
    if (call !== undefined && this.headersSent && !this.writableEnded && (this as OutgoingFields)._hasBody !== false) {
      call.responseBytes += size(chunk, encoding)
    }
    // oxlint-disable-next-line prefer-rest-params -- handed on as it is
    return Reflect.apply(end, this, arguments) as ServerResponse
  })
}

function size(chunk: unknown, encoding: unknown): number {
  return byteLength(chunk, typeof encoding === 'string' ? encoding : 'utf8')
}

/** Stays invisible to who lists a prototype's properties, as the original was. */
function replace(prototype: Record<string, unknown>, name: string, value: (...args: never[]) => unknown): void {
  const before = Object.getOwnPropertyDescriptor(prototype, name)
  Object.defineProperty(prototype, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: before?.enumerable ?? false,
  })
}
