// Prints what is wrong with the configuration: each problem once, in the form FILE:LINE that editors jump to.
import type { Logger } from '@inmesh/core'
import type { ConfigState, Problem } from '../ingest/config-store.ts'

const reported = new WeakMap<Logger, Set<string>>()

/** Logs the problems that were not there the last time, and says when all are gone. */
export function reportProblems(state: ConfigState, log: Logger): void {
  const before = reported.get(log) ?? new Set<string>()
  const now = new Set<string>()
  for (const problem of state.problems) {
    const line = problemText(problem)
    now.add(line)
    if (before.has(line)) continue
    if (problem.severity === 'error') log.error(line)
    else log.warn(line)
  }
  if (before.size > 0 && now.size === 0) log.info('the configuration has no problems any more')
  reported.set(log, now)
}

/** `FILE:LINE: Kind namespace/name field: message` */
export function problemText(problem: Problem): string {
  const object = problem.object === null ? '' : `${problem.object} `
  const field = problem.field === null ? '' : `${problem.field}: `
  return `${problem.file}:${problem.line}: ${object}${field}${problem.message}`
}
