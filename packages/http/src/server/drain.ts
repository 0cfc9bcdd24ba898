// Draining, as Istio's sidecar does it at termination: the workload leaves the callers' endpoints first, connections are
// ended as their requests end, and what is still under way after the deadline is left to the application.
import type { Clock } from '@inmesh/core'
import type { MeshServer } from './server.ts'

/** How long a drain takes its time. */
export interface DrainOptions {
  /** Milliseconds until drain() resolves whatever is under way. Default 5,000 (ProxyConfig.terminationDrainDuration). */
  readonly deadlineMs?: number
  /** Milliseconds until idle connections are closed: the time the news takes to reach the callers. Default 1,000. */
  readonly noticeMs?: number
}

/**
 * Tells the callers to go elsewhere, answers with `Connection: close`, closes idle connections after the notice, and
 * resolves when nothing is under way or the deadline has passed. The servers go on accepting: closing them is the
 * application's.
 */
export function drain(servers: Iterable<MeshServer>, clock: Clock, options: DrainOptions = {}): Promise<void> {
  const draining = [...servers]
  for (const server of draining) server.drain()
  const deadline = clock.now() + (options.deadlineMs ?? 5_000)
  const notice = Math.min(clock.now() + (options.noticeMs ?? 1_000), deadline)
  if (draining.length === 0) return Promise.resolve()
  return new Promise((resolve) => {
    const check = (): void => {
      const now = clock.now()
      if (now >= notice) closeIdle(draining)
      if (now >= deadline || (now >= notice && draining.every((server) => server.idle))) resolve()
      else clock.schedule(now < notice ? notice - now : Math.min(CHECK_MS, deadline - now), check)
    }
    check()
  })
}

function closeIdle(servers: readonly MeshServer[]): void {
  for (const server of servers) {
    for (const connection of server.connections) if (connection.idle) connection.end()
  }
}

const CHECK_MS = 50
