// W3C Trace Context: the traceparent and tracestate fields, read and written to the letter of the recommendation
// (https://www.w3.org/TR/trace-context/). A traceparent that is not valid is as good as none, and so is its tracestate.
import type { HeaderMap } from '../../exchange/header-map.ts'
import type { TraceContext } from '../trace.ts'

export const TRACEPARENT = 'traceparent'
export const TRACESTATE = 'tracestate'

/** The `sampled` bit of trace-flags. */
export const SAMPLED = 0x01

/**
 * The context in the value of a traceparent field, or null when the value is not valid. Several fields joined by a comma
 * are not valid. A later version is read as far as version 00 defines it. Flag bits that have no meaning are dropped.
 */
export function parseTraceparent(value: string): TraceContext | null {
  if (value.length < LENGTH) return null
  const version = hexPair(value, 0)
  if (version < 0 || version === FORBIDDEN_VERSION) return null
  if (value.length > LENGTH && (version === 0 || value.charCodeAt(LENGTH) !== DASH || value.includes(','))) return null
  if (value.charCodeAt(2) !== DASH || value.charCodeAt(35) !== DASH || value.charCodeAt(52) !== DASH) return null
  if (!isId(value, 3, 35) || !isId(value, 36, 52)) return null
  const flags = hexPair(value, 53)
  if (flags < 0) return null
  return { traceId: value.slice(3, 35), spanId: value.slice(36, 52), flags: flags & KNOWN_FLAGS, state: '' }
}

/** The value of a traceparent field, version 00. */
export function formatTraceparent(context: TraceContext): string {
  return `00-${context.traceId}-${context.spanId}-0${context.flags & KNOWN_FLAGS}`
}

/**
 * The list in the value of tracestate fields, several of them joined by a comma, without white space around members and
 * without empty members; '' when a member is malformed or there are more than 32.
 */
export function parseTracestate(value: string): string {
  let members = 0
  let list = ''
  for (let at = 0; at <= value.length; ) {
    let end = value.indexOf(',', at)
    if (end < 0) end = value.length
    let from = at
    let to = end
    while (from < to && isBlank(value.charCodeAt(from))) from++
    while (to > from && isBlank(value.charCodeAt(to - 1))) to--
    if (to > from) {
      if (++members > MAX_MEMBERS || !isMember(value, from, to)) return ''
      list = list === '' ? value.slice(from, to) : `${list},${value.slice(from, to)}`
    }
    at = end + 1
  }
  return list
}

/** What the fields of an inbound request say; null when there is no valid traceparent. */
export function extractW3c(headers: HeaderMap): TraceContext | null {
  const value = headers.get(TRACEPARENT)
  if (value === null) return null
  const context = parseTraceparent(value)
  if (context === null) return null
  const state = headers.get(TRACESTATE)
  return state === null ? context : { ...context, state: parseTracestate(state) }
}

/** Writes a context into a request's fields in place of what is there. */
export function injectW3c(headers: HeaderMap, context: TraceContext): void {
  headers.set(TRACEPARENT, formatTraceparent(context))
  if (context.state === '') headers.remove(TRACESTATE)
  else headers.set(TRACESTATE, context.state)
}

/**
 * Leaves one traceparent in a flat list of fields (name, value, name, value, ...), in any case of names: the last valid
 * one, else the last. For adapters: an instrumentation that appends its own after us would make the request carry two,
 * which a receiver has to ignore.
 */
export function keepOneTraceparent(flat: string[]): void {
  let count = 0
  let keep = -1
  let keepValid = false
  for (let i = 0; i < flat.length; i += 2) {
    if (!isTraceparentName(flat[i] as string)) continue
    count++
    const valid = parseTraceparent(flat[i + 1] as string) !== null
    if (keepValid && !valid) continue
    keep = i
    keepValid = valid
  }
  if (count < 2) return
  let to = 0
  for (let i = 0; i < flat.length; i += 2) {
    if (i !== keep && isTraceparentName(flat[i] as string)) continue
    flat[to] = flat[i] as string
    flat[to + 1] = flat[i + 1] as string
    to += 2
  }
  flat.length = to
}

function isTraceparentName(name: string): boolean {
  return name.length === TRACEPARENT.length && (name === TRACEPARENT || name.toLowerCase() === TRACEPARENT)
}

/** Lower-case hexadecimal digits that are not all zero. */
function isId(value: string, from: number, to: number): boolean {
  let any = 0
  for (let i = from; i < to; i++) {
    const digit = DIGITS[value.charCodeAt(i)]
    if (digit === undefined || digit === NO_DIGIT) return false
    any |= digit
  }
  return any !== 0
}

/** The number in two lower-case hexadecimal digits, or -1. */
function hexPair(value: string, at: number): number {
  const high = hexDigit(value.charCodeAt(at))
  const low = hexDigit(value.charCodeAt(at + 1))
  return high < 0 || low < 0 ? -1 : (high << 4) | low
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO
  if (code >= LOWER_A && code <= LOWER_F) return code - LOWER_A + 10
  return -1
}

/** `key=value` or `tenant@system=value`. */
function isMember(list: string, from: number, to: number): boolean {
  const equals = list.indexOf('=', from)
  return equals > from && equals < to && isKey(list, from, equals) && isValue(list, equals + 1, to)
}

function isKey(list: string, from: number, to: number): boolean {
  const at = list.indexOf('@', from)
  if (at < 0 || at >= to) return to - from <= MAX_KEY && isLower(list.charCodeAt(from)) && areKeyCodes(list, from, to)
  const tenant = at - from
  const system = to - at - 1
  return (
    tenant >= 1 &&
    tenant <= MAX_TENANT &&
    system >= 1 &&
    system <= MAX_SYSTEM &&
    (isLower(list.charCodeAt(from)) || isDigit(list.charCodeAt(from))) &&
    areKeyCodes(list, from, at) &&
    isLower(list.charCodeAt(at + 1)) &&
    areKeyCodes(list, at + 1, to)
  )
}

function areKeyCodes(list: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = list.charCodeAt(i)
    const ok =
      isLower(code) || isDigit(code) || code === UNDERSCORE || code === DASH || code === ASTERISK || code === SLASH
    if (!ok) return false
  }
  return true
}

/** Printable ASCII but for `,` and `=`. White space at the end was trimmed off before. */
function isValue(list: string, from: number, to: number): boolean {
  if (to === from || to - from > MAX_VALUE) return false
  for (let i = from; i < to; i++) {
    const code = list.charCodeAt(i)
    if (code < SPACE || code > TILDE || code === EQUALS) return false
  }
  return true
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

function isLower(code: number): boolean {
  return code >= LOWER_A && code <= LOWER_Z
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE
}

// 00-<32>-<16>-<2>
const LENGTH = 55
const FORBIDDEN_VERSION = 0xff
// sampled, and random of level 2, which has to be passed on with the trace id it speaks of.
const KNOWN_FLAGS = 0x03
const MAX_MEMBERS = 32
const MAX_KEY = 256
const MAX_TENANT = 241
const MAX_SYSTEM = 14
const MAX_VALUE = 256
const TAB = 0x09
const SPACE = 0x20
const ASTERISK = 0x2a
const DASH = 0x2d
const SLASH = 0x2f
const ZERO = 0x30
const NINE = 0x39
const EQUALS = 0x3d
const UNDERSCORE = 0x5f
const LOWER_A = 0x61
const LOWER_F = 0x66
const LOWER_Z = 0x7a
const TILDE = 0x7e
const NO_DIGIT = 0xff
// By character code. Ids are read digit by digit for each request, and a table is twice as fast as comparing.
const DIGITS: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) => {
  const digit = hexDigit(code)
  return digit < 0 ? NO_DIGIT : digit
})
