// What a benchmark says, and how it is printed: one row per case, our value beside a baseline of the same run.

/** One case. */
export interface Row {
  readonly case: string
  /** Median of the rounds. */
  readonly baseline: number
  readonly value: number
  readonly unit: string
  /** Median of the rounds' value - baseline. */
  readonly added: number
  /** Median of the rounds' value / baseline. */
  readonly ratio: number
  /** Least value over least baseline, whatever rounds they come from: what is left when nobody else is on the machine. */
  readonly best: number
  /** Least and greatest ratio of a round. */
  readonly min: number
  readonly max: number
}

/** A benchmark's result. */
export interface Report {
  readonly name: string
  readonly node: string
  readonly rounds: number
  readonly rows: readonly Row[]
}

/** One case's rounds, turned into a row. */
export function row(
  name: string,
  unit: string,
  rounds: readonly { readonly baseline: number; readonly value: number }[],
): Row {
  const ratios = rounds.map((round) => round.value / round.baseline)
  return {
    case: name,
    baseline: rounded(median(rounds.map((round) => round.baseline))),
    value: rounded(median(rounds.map((round) => round.value))),
    unit,
    added: rounded(median(rounds.map((round) => round.value - round.baseline))),
    ratio: rounded(median(ratios)),
    best: rounded(Math.min(...rounds.map((round) => round.value)) / Math.min(...rounds.map((round) => round.baseline))),
    min: rounded(Math.min(...ratios)),
    max: rounded(Math.max(...ratios)),
  }
}

/** A table for people. */
export function table(report: Report): string {
  const lines = [['case', 'baseline', 'value', 'unit', 'added', 'ratio', 'best', 'min', 'max']]
  for (const r of report.rows)
    lines.push([
      r.case,
      `${r.baseline}`,
      `${r.value}`,
      r.unit,
      `${r.added}`,
      `${r.ratio}`,
      `${r.best}`,
      `${r.min}`,
      `${r.max}`,
    ])
  const widths = (lines[0] as string[]).map((_, column) =>
    Math.max(...lines.map((line) => (line[column] as string).length)),
  )
  const text = lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] as number)).join('  '))
    .join('\n')
  return `${report.name} on Node ${report.node}, ${report.rounds} rounds\n${text}`
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
