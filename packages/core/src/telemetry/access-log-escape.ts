// Keeps what a peer chose (paths, fields, server names) inside its place in a log line: no value can end a line or a
// quoted text, or speak to a terminal (CVE-2024-45808 was a server name that wrote log lines of its own).
// Differs from Envoy: its text format prints fields as they came.

/** For a text line. `quoted`: the value stands between `"`, so spaces may stay. Escapes are `\xHH`, as nginx writes them. */
export function escapeText(value: string, quoted: boolean): string {
  let from = 0
  let out = ''
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (!isUnsafe(code) && (quoted || code !== SPACE)) continue
    out += `${value.slice(from, i)}${code > 0xff ? `\\u${hex(code, 4)}` : `\\x${hex(code, 2)}`}`
    from = i + 1
  }
  return from === 0 ? value : out + value.slice(from)
}

/** A JSON string, control characters of C1 and line separators escaped too. */
export function escapeJson(value: string): string {
  let from = 0
  let out = '"'
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if (!isUnsafe(code)) continue
    const escaped = code === QUOTE || code === BACKSLASH ? `\\${value[i] as string}` : `\\u${hex(code, 4)}`
    out += value.slice(from, i) + escaped
    from = i + 1
  }
  return `${out}${value.slice(from)}"`
}

/** Control characters, quotes, backslashes, line and paragraph separators, and surrogates (they might stand alone). */
function isUnsafe(code: number): boolean {
  if (code < SPACE || code === QUOTE || code === BACKSLASH) return true
  if (code < DELETE) return false
  return code < 0xa0 || code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code <= 0xdfff)
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, '0')
}

const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const DELETE = 0x7f
