// A program that fetches once, prints the milliseconds since Node was ready, its processor time and its private memory, and
// ends.
import { readFileSync } from 'node:fs'

const response = await fetch(process.argv[2])
await response.arrayBuffer()
if (response.status !== 200) throw new Error(`status ${response.status}`)
const ms = performance.now() - performance.nodeTiming.bootstrapComplete
const { user, system } = process.cpuUsage()
// Twice: the first leaves what only finalizers held.
globalThis.gc?.()
globalThis.gc?.()
const memory = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
process.stdout.write(JSON.stringify({ ms, cpuMs: (user + system) / 1000, privateMiB: Number(memory) / 1024 }))
process.exit(0)
