// What the copies of this library in one process share: the mesh itself, what register has put in place, and marks on
// servers. Register may come from a mounted folder and the application's import from its node_modules, so both meet on
// globalThis, under symbols that both know.
import type { LazyDispatcher } from './lazy-dispatcher.ts'

/** Where the process keeps the promise of its mesh. The number is that of this contract between copies. */
export const PROCESS_MESH: unique symbol = Symbol.for('inmesh.1') as never

/** Where register says that it has run. */
export const REGISTRATION: unique symbol = Symbol.for('inmesh.register') as never

/** What register has put in place. */
export interface Registration {
  readonly lazy: LazyDispatcher
}

/** Null in a process without register. */
export function registration(): Registration | null {
  return (globalThis as { [REGISTRATION]?: Registration })[REGISTRATION] ?? null
}

/** Marks a server as the mesh's own listener, which is never meshed. */
export const OWN_SERVER: unique symbol = Symbol.for('inmesh.own') as never

/** Where a meshed server keeps its MeshServer. */
export const MESHED: unique symbol = Symbol.for('inmesh.server') as never
