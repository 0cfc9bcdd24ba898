// `npm run bench [-- NAME...] [-- --json] [-- --steady]`: runs benchmarks, prints a table or one JSON object each, and compares ratios
// with budgets.json. Exit 1 when a budget is broken.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Report, table } from './report.ts'

const BENCHMARKS = {
  client: () => import('./client.ts'),
  call: () => import('./call.ts'),
  server: () => import('./server.ts'),
  serve: () => import('./serve.ts'),
  eds: () => import('./eds.ts'),
  start: () => import('./start.ts'),
  push: () => import('./push.ts'),
} as const

type Name = keyof typeof BENCHMARKS

/** By benchmark and case: the greatest ratio, or the greatest value or addition in the row's unit, that is allowed. */
type Budgets = Record<
  string,
  Record<string, { readonly ratio?: number; readonly value?: number; readonly added?: number }>
>

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    steady: { type: 'boolean', default: false },
  },
})
// Read by worker.ts when a process is started.
if (values.steady) process.env['INMESH_BENCH_STEADY'] = '1'
const unknown = positionals.filter((name) => !(name in BENCHMARKS))
if (unknown.length > 0) {
  process.stderr.write(
    `no benchmark is called ${unknown.join(', ')}: there are ${Object.keys(BENCHMARKS).join(', ')}\n`,
  )
  process.exit(64)
}
const budgets = JSON.parse(readFileSync(join(import.meta.dirname, 'budgets.json'), 'utf8')) as Budgets
let broken = 0
for (const name of (positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)) as Name[]) {
  const { run } = await BENCHMARKS[name]()
  const report = await run(values.rounds === undefined ? null : Number(values.rounds))
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : `${table(report)}\n\n`)
  broken += compare(report)
}
process.exit(broken === 0 ? 0 : 1)

function compare(report: Report): number {
  let over = 0
  for (const row of report.rows) {
    const budget = budgets[report.name]?.[row.case]
    if (budget?.ratio !== undefined && row.ratio > budget.ratio) {
      over++
      process.stderr.write(`${report.name} ${row.case}: ratio ${row.ratio} is over its budget of ${budget.ratio}\n`)
    }
    for (const figure of ['value', 'added'] as const) {
      const allowed = budget?.[figure]
      if (allowed === undefined || row[figure] <= allowed) continue
      over++
      process.stderr.write(
        `${report.name} ${row.case}: ${figure} ${row[figure]} ${row.unit} is over its budget of ${allowed}\n`,
      )
    }
  }
  return over
}
