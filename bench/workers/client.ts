// One caller: with `mesh` through the mesh, else by undici or fetch alone. Told how many requests, it answers with the CPU
// microseconds and the allocated bytes of each.
import { AsyncLocalStorage } from 'node:async_hooks'
import { Pool, request } from 'undici'
import { allocatedBytes, serveWorker } from '../worker.ts'

type Call = 'dispatch' | 'request' | 'fetch'

interface Round {
  readonly requests: number
  /** Requests per second; 0 is as fast as 64 callers get. */
  readonly rate: number
}

const [call, variant, port] = process.argv.slice(2) as [Call, 'mesh' | 'bare', string]
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
const callers = new AsyncLocalStorage<number>()

async function prepare(): Promise<(i: number) => Promise<void>> {
  const origin = variant === 'mesh' ? 'http://upstream:9080' : `http://127.0.0.1:${port}`
  const mesh =
    variant === 'mesh'
      ? await (await import('@inmesh/http')).createMesh({ workload: { name: 'caller', namespace: 'bench' } })
      : null
  const dispatcher = mesh?.dispatcher ?? new Pool(origin, { connections: null, pipelining: 1, allowH2: false })
  if (call === 'fetch') {
    const fetcher = mesh?.fetch ?? globalThis.fetch
    return async (i) => {
      const response = await fetcher(`${origin}/reviews/${i & 1023}`, { headers })
      await response.arrayBuffer()
      if (response.status !== 200) throw new Error(`status ${response.status}`)
    }
  }
  if (call === 'request') {
    return async (i) => {
      const response = await request(`${origin}/reviews/${i & 1023}`, { dispatcher, headers })
      await response.body.arrayBuffer()
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    }
  }
  return (i) =>
    new Promise((resolve, reject) => {
      dispatcher.dispatch(
        { origin, path: `/reviews/${i & 1023}`, method: 'GET', headers },
        {
          onRequestStart() {},
          onResponseStart(_controller: unknown, status: number) {
            if (status !== 200) reject(new Error(`status ${status}`))
          },
          onResponseData() {},
          onResponseEnd: () => resolve(),
          onResponseError: (_controller: unknown, error: Error) => reject(error),
        },
      )
    })
}

const prepared = prepare()

async function saturate(one: (i: number) => Promise<void>, requests: number): Promise<void> {
  let next = 0
  const loop = async (): Promise<void> => {
    while (next < requests) await one(next++)
  }
  await Promise.all(Array.from({ length: 64 }, (_, caller) => callers.run(caller, loop)))
}

function pace(one: (i: number) => Promise<void>, requests: number, rate: number): Promise<void> {
  const start = performance.now()
  let sent = 0
  let done = 0
  return new Promise((resolve, reject) => {
    const tick = setInterval(() => {
      const due = Math.min(requests, Math.floor(((performance.now() - start) / 1000) * rate))
      while (sent < due) {
        one(sent++).then(() => {
          if (++done < requests) return
          clearInterval(tick)
          resolve()
        }, reject)
      }
    }, 1)
  })
}

serveWorker(async ({ requests, rate }: Round) => {
  const one = await prepared
  // No gc() here: a full collection while no request is under way makes V8 throw away the code that it optimised for them
  // ("embedded weak objects cleared"), and compiling it again would be most of what is measured.
  const allocated = allocatedBytes()
  const cpu = process.cpuUsage()
  if (rate === 0) await saturate(one, requests)
  else await pace(one, requests, rate)
  const used = process.cpuUsage(cpu)
  return { us: (used.user + used.system) / requests, bytes: (allocatedBytes() - allocated) / requests }
})
