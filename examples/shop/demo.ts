// `npm run demo [-- --seconds N]`: the shop under load, with a live table. The last line on stdout is a JSON summary.
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { type Shop, startShop } from './shop.ts'
import { RouteStatistics } from './route-statistics.ts'

const WORKERS = 8
const PAUSE_MS = 15

const { values } = parseArgs({ options: { seconds: { type: 'string' }, verbose: { type: 'boolean', default: false } } })
const seconds = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds)
if (!(seconds > 0)) {
  process.stderr.write(`--seconds ${values.seconds} is not a number of seconds\n`)
  process.exit(64)
}

const routes = [
  { route: 'reviews', path: '/reviews/0', method: 'GET' },
  { route: 'payments-api', path: '/api/payments', method: 'POST' },
  { route: 'backend', path: '/backend', method: 'GET' },
] as const
const statistics = new Map(routes.map(({ route }) => [route, new RouteStatistics(route)]))
const config = join(import.meta.dirname, 'mesh')

process.stderr.write('starting the agent and seven services ...\n')
const shop = await startShop({
  config,
  ...(values.verbose
    ? { onOutput: (name: string, text: string) => void process.stderr.write(`[${name}] ${text}`) }
    : {}),
})
let running = true
const stopped = new Promise<void>((resolve) => {
  const stop = (): void => {
    running = false
    resolve()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  if (Number.isFinite(seconds)) setTimeout(stop, seconds * 1000)
})
const startedAt = performance.now()
let printed = false

/** One caller: goes round the routes, one request after the other. */
async function work(): Promise<void> {
  for (let turn = 0; running; turn++) {
    const { route, path, method } = routes[turn % routes.length] as (typeof routes)[number]
    const start = performance.now()
    try {
      const response = await fetch(`${shop.frontend}${path}`, {
        method,
        ...(method === 'POST' ? { body: '{"amount": 42}' } : {}),
      })
      const body = (await response.json()) as { version?: string }
      statistics.get(route)?.add(response.ok, body.version ?? null, performance.now() - start)
    } catch {
      statistics.get(route)?.add(false, null, performance.now() - start)
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}

const hint = `Edit ${relative(process.cwd(), join(config, 'reviews.yaml'))} (the weights), save, and watch the split of reviews move. Ctrl-C ends.`
const table = setInterval(() => void printTable(shop), process.stdout.isTTY ? 500 : 2000)
await Promise.race([stopped, Promise.all(Array.from({ length: WORKERS }, work))])
clearInterval(table)
await printTable(shop)
const summary = {
  seconds: Math.round((performance.now() - startedAt) / 100) / 10,
  requests: sum((s) => s.requests),
  failed: sum((s) => s.failed),
  routes: await Promise.all(
    routes.map(async ({ route }) => statistics.get(route)?.summary(await usesMtls(shop, route))),
  ),
}
await shop.machine.stop()
process.stdout.write(`${JSON.stringify(summary)}\n`)
process.exit(0)

function sum(of: (s: RouteStatistics) => number): number {
  return [...statistics.values()].reduce((total, s) => total + of(s), 0)
}

async function printTable(shop: Shop): Promise<void> {
  const lines = [['route', 'split', 'requests', 'success', 'p50 ms', 'p99 ms', 'mTLS']]
  for (const s of statistics.values()) lines.push(s.row(await usesMtls(shop, s.route)))
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length))) ?? []
  const text = lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] as number)).join('  '))
    .join('\n')
  const up = process.stdout.isTTY && printed ? `\x1b[${lines.length + 2}A\x1b[J` : ''
  printed = true
  process.stdout.write(`${up}\n${text}\n${hint}\n`)
}

/** What the destinations themselves say of the connections they were called on. */
async function usesMtls(shop: Shop, route: string): Promise<boolean> {
  let mutual = 0
  let plain = 0
  for (const service of shop.services) {
    if (!service.name.startsWith(route)) continue
    const text = await fetch(`http://${service.admin}/stats/prometheus`).then(
      (r) => r.text(),
      () => '',
    )
    for (const line of text.split('\n')) {
      if (!line.startsWith('istio_requests_total{') || !line.includes('reporter="destination"')) continue
      if (line.includes('connection_security_policy="mutual_tls"')) mutual++
      else plain++
    }
  }
  return mutual > 0 && plain === 0
}
