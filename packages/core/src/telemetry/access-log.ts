// Access logs as Envoy's file logger writes them: a format with command operators, compiled once into a list of writers,
// and one line per completed exchange, as text or as JSON (config.core.v3 SubstitutionFormatString).
import type { Exchange } from '../exchange/exchange.ts'
import type { AccessLogConfig } from '../resources/listener.ts'
import type { Clock } from '../runtime/clock.ts'
import { escapeJson, escapeText } from './access-log-escape.ts'
import { compileOperator, type CompiledOperator } from './access-log-operators.ts'

/** Where lines go. Never throws. */
export interface LogSink {
  write(line: string): void
}

/** An access log in force. */
export interface AccessLog {
  /** Writes the line of a completed exchange. Never throws. */
  write(x: Exchange): void
}

/** What compiling a format gives; with errors the configuration is invalid. */
export interface CompiledFormat {
  /** Makes the line, its line feed included. */
  readonly line: (x: Exchange) => string
  /** Operators that are not honoured; `-` or null stands in their place. */
  readonly warnings: readonly string[]
  /** What cannot be a format at all. */
  readonly errors: readonly string[]
}

/** Compiles a format; `clock` tells the wall time of a request's start. */
export function compileAccessLogFormat(format: AccessLogConfig['format'], clock: Clock): CompiledFormat {
  const compiler = new FormatCompiler(clock)
  const line = format.kind === 'text' ? compiler.text(format.text) : compiler.json(format.fields)
  return { line, warnings: compiler.warnings, errors: compiler.errors }
}

/** An access log of a compiled format into a sink. */
export function createAccessLog(format: CompiledFormat, sink: LogSink): AccessLog {
  return {
    write(x) {
      try {
        sink.write(format.line(x))
      } catch {
        // An operator that fails costs its line, not the request.
      }
    },
  }
}

type Writer = (x: Exchange) => string
/** One stretch of a format: literal text, or an operator; null is one that is not honoured. */
type Part = string | { readonly operator: CompiledOperator | null }

class FormatCompiler {
  readonly warnings: string[] = []
  readonly errors: string[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  text(format: string): Writer {
    const writers: Writer[] = []
    let quoted = false
    for (const part of this.#parse(format)) {
      if (typeof part === 'string') {
        for (const character of part) if (character === '"') quoted = !quoted
        writers.push(() => part)
      } else {
        writers.push(textWriter(part.operator, quoted))
      }
    }
    return join(writers)
  }

  json(fields: Readonly<Record<string, unknown>>): Writer {
    const object = this.#jsonValue(fields)
    return (x) => `${object(x)}\n`
  }

  #jsonValue(value: unknown): Writer {
    if (typeof value === 'string') return this.#jsonString(value)
    if (typeof value !== 'object' || value === null) {
      const literal = JSON.stringify(value) ?? 'null'
      return () => literal
    }
    if (Array.isArray(value)) return wrap('[', ']', this.#separated(value.map((item) => this.#jsonValue(item))))
    const members = Object.entries(value).map(([key, item]) => {
      const name = `${escapeJson(key)}:`
      const write = this.#jsonValue(item)
      return (x: Exchange): string => name + write(x)
    })
    return wrap('{', '}', this.#separated(members))
  }

  /** A lone operator keeps its type; in a longer text each operator is text. */
  #jsonString(format: string): Writer {
    const parts = this.#parse(format)
    const [only] = parts
    if (parts.length === 1 && only !== undefined && typeof only !== 'string') {
      const operator = only.operator
      return operator === null ? () => 'null' : (x) => jsonOf(operator.read(x))
    }
    const text = join(
      parts.map((part): Writer => {
        if (typeof part === 'string') return () => part
        const operator = part.operator
        return operator === null ? () => MISSING : (x) => String(operator.read(x) ?? MISSING)
      }),
    )
    return (x) => escapeJson(text(x))
  }

  #separated(writers: readonly Writer[]): Writer {
    return (x) => {
      let line = ''
      for (let i = 0; i < writers.length; i++)
        line += i === 0 ? (writers[i] as Writer)(x) : `,${(writers[i] as Writer)(x)}`
      return line
    }
  }

  #parse(format: string): Part[] {
    const parts: Part[] = []
    let literal = ''
    for (let at = 0; at < format.length; ) {
      const percent = format.indexOf('%', at)
      literal += format.slice(at, percent < 0 ? format.length : percent)
      if (percent < 0) break
      const end = format.indexOf('%', percent + 1)
      if (end < 0) {
        this.errors.push(`access log format: the "%" at ${percent} has no other to close it`)
        break
      }
      if (end === percent + 1) literal += '%'
      else {
        if (literal !== '') parts.push(literal)
        literal = ''
        parts.push({ operator: this.#operator(format.slice(percent + 1, end)) })
      }
      at = end + 1
    }
    if (literal !== '') parts.push(literal)
    return parts
  }

  #operator(command: string): CompiledOperator | null {
    const operator = compileOperator(command, this.#clock)
    if (operator === null) this.warnings.push(`access log format: operator %${command}% is not honoured`)
    return operator
  }
}

function textWriter(operator: CompiledOperator | null, quoted: boolean): Writer {
  if (operator === null) return () => MISSING
  const { read, untrusted } = operator
  return (x) => {
    const value = read(x)
    if (value === null || value === '') return MISSING
    if (typeof value === 'number') return String(value)
    return untrusted ? escapeText(value, quoted) : value
  }
}

function jsonOf(value: string | number | null): string {
  if (value === null) return 'null'
  return typeof value === 'number' ? String(value) : escapeJson(value)
}

function join(writers: readonly Writer[]): Writer {
  return (x) => {
    let line = ''
    for (let i = 0; i < writers.length; i++) line += (writers[i] as Writer)(x)
    return line
  }
}

function wrap(open: string, close: string, inner: Writer): Writer {
  return (x) => open + inner(x) + close
}

const MISSING = '-'
