// What decoding one resource found: errors that make it unacceptable, and fields that are not fully honoured. Fields of
// one kind are reported once, with the place of the first and the number of the others, because a configuration that uses
// a feature uses it a thousand times.
import type { Decoded } from '../xds/resource-type.ts'
import type { FieldSupport, Support } from './support.ts'

interface Finding {
  readonly key: string
  readonly support: Exclude<Support, 'honoured'>
  readonly path: string
  readonly note: string
  count: number
}

/** The findings of one resource, or of a part of one whose paths are relative to it. */
export class Findings {
  readonly #errors: string[] = []
  readonly #findings = new Map<string, Finding>()

  /** Something invalid at `path`. */
  error(path: string, message: string): void {
    // Enough to see what is wrong; a NACK travels in one message.
    if (this.#errors.length < MAX_ERRORS) this.#errors.push(path === '' ? message : `${path}: ${message}`)
  }

  /** A field that is set and not honoured. */
  field(support: FieldSupport, path: string): void {
    if (support.support !== 'honoured') this.#add(support.path, support.support, path, support.note)
  }

  /** A value that is not honoured, where other values of the field are. */
  value(support: Exclude<Support, 'honoured'>, path: string, note: string): void {
    this.#add(note, support, path, note)
  }

  /** A field that this version's messages do not have. */
  unknownField(typeName: string, number: number, path: string): void {
    const at = path === '' ? `field ${number}` : `${path}: field ${number}`
    this.#add(`${typeName}#${number}`, 'ignored', at, `unknown field of ${typeName}`)
  }

  /** Takes over the findings of a part that stands at `path`. */
  merge(part: Findings, path: string): void {
    for (const error of part.#errors) this.error('', `${path}.${error}`)
    for (const { key, support, path: at, note, count } of part.#findings.values())
      this.#add(key, support, `${path}.${at}`, note, count)
  }

  get hasErrors(): boolean {
    if (this.#errors.length > 0) return true
    for (const { support } of this.#findings.values()) if (support === 'refused') return true
    return false
  }

  /** The answer of a decoder. */
  decoded<T>(name: string, resource: T): Decoded<T> {
    if (!this.hasErrors) return { ok: true, name, resource, warnings: this.#texts((support) => support !== 'refused') }
    return { ok: false, name, errors: [...this.#errors, ...this.#texts((support) => support === 'refused')] }
  }

  #texts(wanted: (support: Support) => boolean): string[] {
    const texts: string[] = []
    for (const { support, path, note, count } of this.#findings.values()) {
      if (!wanted(support)) continue
      texts.push(`${path}: ${support}${note === '' ? '' : `: ${note}`}${count > 1 ? ` (and ${count - 1} more)` : ''}`)
    }
    return texts
  }

  #add(key: string, support: Exclude<Support, 'honoured'>, path: string, note: string, count = 1): void {
    const known = this.#findings.get(key)
    if (known === undefined) this.#findings.set(key, { key, support, path, note, count })
    else known.count += count
  }
}

/** Decodes by `decode`; bytes that are no message of the type become an error, never an exception. */
export function decodeSafely<T>(bytes: Uint8Array, decode: () => Decoded<T>): Decoded<T> {
  try {
    return decode()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, name: resourceName(bytes), errors: [`malformed: ${reason}`] }
  }
}

// Field 1 is the name in all four resource types. Best effort: the bytes are known to be broken.
function resourceName(bytes: Uint8Array): string {
  if (bytes[0] !== 0x0a) return ''
  const length = bytes[1] ?? 0
  return length < 0x80 && bytes.length >= length + 2 ? Buffer.from(bytes).toString('utf8', 2, length + 2) : ''
}

const MAX_ERRORS = 50
