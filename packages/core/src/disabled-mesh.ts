// A mesh that is not there (INMESH_DISABLED=1): every look-up passes through, nothing is loaded and nobody is asked.
import type { ListenAddress, Mesh, Target } from './mesh.ts'
import { PASS_THROUGH } from './outbound.ts'
import { systemClock } from './runtime/clock.ts'
import { type Logger, silentLogger } from './runtime/log.ts'

/** Makes one. */
export function disabledMesh(log: Logger = silentLogger): Mesh {
  return {
    clock: systemClock,
    log,
    outbound: (_target: Target) => PASS_THROUGH,
    whenOutbound: (_target: Target) => Promise.resolve(PASS_THROUGH),
    inbound: (_address: ListenAddress) => PASS_THROUGH,
    whenInbound: (_address: ListenAddress) => Promise.resolve(PASS_THROUGH),
    releaseInbound() {},
    ready: () => Promise.resolve(),
    metrics: () => Promise.resolve(''),
    configDump: () => ({ disabled: true }),
    close: () => Promise.resolve(),
    onExchange: () => ({ cancel() {} }),
  }
}
