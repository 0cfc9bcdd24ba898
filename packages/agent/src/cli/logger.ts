// The agent's log: pino, to stderr, since stdout is for data.
import { LOG_LEVELS, type Logger, MeshError } from '@inmesh/core'
import { pino } from 'pino'

/** A logger of that level. Throws MESH_OPTION_INVALID for an unknown one. */
export function agentLogger(level: string): Logger {
  if (!(LOG_LEVELS as readonly string[]).includes(level)) {
    throw new MeshError('MESH_OPTION_INVALID', `--log-level ${JSON.stringify(level)} is unknown`, {
      hint: `Use one of ${LOG_LEVELS.join(', ')}.`,
    })
  }
  const out = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  )
  return {
    debug: (message, fields) => out.debug(fields ?? {}, message),
    info: (message, fields) => out.info(fields ?? {}, message),
    warn: (message, fields) => out.warn(fields ?? {}, message),
    error: (message, fields) => out.error(fields ?? {}, message),
  }
}
