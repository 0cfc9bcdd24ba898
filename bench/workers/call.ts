// One caller without a network: undici's pools are replaced by one that answers 64 requests at a time from memory, so that
// what is measured is the work of dispatcher and mesh alone. Told how many requests, it answers with the CPU microseconds
// and the allocated bytes of each.
import { createRequire } from 'node:module'
import type { Dispatcher, Pool as UndiciPool } from 'undici'
import { allocatedBytes, serveWorker } from '../worker.ts'

const require = createRequire(import.meta.url)
const Pool: typeof UndiciPool = require('undici/lib/dispatcher/pool.js')

const IN_FLIGHT = 64
const headers = {
  accept: '*/*',
  'accept-encoding': 'gzip, deflate, br',
  'accept-language': 'en',
  'cache-control': 'no-cache',
  'content-type': 'application/json',
  'user-agent': 'bench',
  'x-a': '1',
  'x-b': '2',
  'x-c': '3',
}
const body = Buffer.alloc(1024, 'x')
const waiting: Dispatcher.DispatchHandler[] = []

/** What undici's request gives its handler, as far as the mesh and this caller use it. */
class Controller {
  paused = false
  aborted = false
  reason = null
  rawHeaders = []
  rawTrailers = []
  pause(): void {}
  resume(): void {}
  abort(): void {}
}

Pool.prototype.dispatch = (_options, handler) => {
  const controller = new Controller()
  handler.onRequestStart?.(controller, null)
  handler.onRequestSent?.()
  waiting.push(handler)
  return true
}

function answer(handler: Dispatcher.DispatchHandler): void {
  const controller = new Controller()
  const fields = {
    'content-type': 'application/octet-stream',
    'content-length': '1024',
    'x-local-address': '127.0.0.1',
    date: 'Fri, 20 Nov 2026 15:00:00 GMT',
    connection: 'keep-alive',
  }
  handler.onResponseStarted?.()
  handler.onResponseStart?.(controller, 200, fields, 'OK')
  handler.onResponseData?.(controller, body)
  handler.onResponseEnd?.(controller, {})
}

let ended = 0

/** The caller's handler. */
class Handler {
  onRequestStart(): void {}
  onResponseStart(_controller: unknown, status: number): void {
    if (status !== 200) throw new Error(`status ${status}`)
  }
  onResponseData(): void {}
  onResponseEnd(): void {
    ended++
  }
  onResponseError(_controller: unknown, error: Error): void {
    throw error
  }
}

const origin = 'http://upstream:9080'

async function prepare(): Promise<Dispatcher> {
  if (process.argv[2] !== 'mesh') return new Pool('http://127.0.0.1:1')
  const mesh = await (await import('@inmesh/http')).createMesh({ workload: { name: 'caller', namespace: 'bench' } })
  return mesh.dispatcher
}

const prepared = prepare()

serveWorker(async ({ requests }: { readonly requests: number }) => {
  const dispatcher = await prepared
  ended = 0
  const allocated = allocatedBytes()
  const cpu = process.cpuUsage()
  for (let sent = 0; sent < requests; ) {
    for (let i = 0; i < IN_FLIGHT; i++) {
      dispatcher.dispatch({ origin, path: `/reviews/${sent & 1023}`, method: 'GET', headers }, new Handler())
      sent++
    }
    // As a socket's events would: in a turn of its own.
    await new Promise((resolve) => setImmediate(resolve))
    for (const handler of waiting.splice(0)) answer(handler)
  }
  const used = process.cpuUsage(cpu)
  if (ended < requests) throw new Error(`${ended} of ${requests} requests ended`)
  return { us: (used.user + used.system) / ended, bytes: (allocatedBytes() - allocated) / ended }
})
