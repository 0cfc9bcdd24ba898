// The logger that every part of inmesh writes to. An application may give its own (pino and console fit as they are).

/** Facts beside a log line; values are printed as JSON. */
export type LogFields = Readonly<Record<string, unknown>>

/** A destination for log lines. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

/** Severities, least first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Writes lines of `inmesh LEVEL message {fields}` to stderr, from `level` upwards. */
export function stderrLogger(level: LogLevel): Logger {
  const least = LOG_LEVELS.indexOf(level)
  const write =
    (of: LogLevel) =>
    (message: string, fields?: LogFields): void => {
      if (LOG_LEVELS.indexOf(of) < least) return
      process.stderr.write(`inmesh ${of} ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}\n`)
    }
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** Drops everything. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
