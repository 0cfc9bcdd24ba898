// The mesh of this process, put together: core's mesh, the undici dispatcher in front of it, the servers behind it, and the
// admin interface. There is one per process, whoever asks first: register and an imported library share it.
import type { Server } from 'node:http'
import {
  createCoreMesh,
  disabledMesh,
  type ListenAddress,
  type Mesh,
  type MeshOptions,
  readEnvironment,
  type ResolvedOptions,
  resolveOptions,
  stderrLogger,
} from '@inmesh/core'
import { type Admin, startAdmin } from './admin.ts'
import { MeshDispatcher } from './client/dispatcher.ts'
import { createMeshFetch } from './client/fetch.ts'
import { GlobalDispatchers } from './client/undici-hook.ts'
import { AsyncRequestContext } from './context/request-context.ts'
import { PROCESS_MESH, registration } from './process-mesh.ts'
import { plainAddress } from './server/connection.ts'
import { drain, type DrainOptions } from './server/drain.ts'
import { meshServer, type MeshServer } from './server/server.ts'

/** The mesh of this process. */
export interface HttpMesh {
  /** Global fetch's signature. */
  readonly fetch: typeof fetch
  /** An undici Dispatcher, for `setGlobalDispatcher` or `request(url, { dispatcher })`. */
  readonly dispatcher: MeshDispatcher
  /** The mesh without a transport: look-ups, metrics, configuration dump. */
  readonly core: Mesh
  /** Puts the mesh in front of a node:http server's handler, and gives the server back. Unix sockets pass through. */
  server<S extends Server>(server: S): S
  /** Settles when the control plane has answered for the first time, or the last good state was loaded. */
  ready(): Promise<void>
  /**
   * Before the process ends: callers are told to go elsewhere, connections end with their requests. Resolves when no
   * request is under way, or at the deadline. Closing the servers is the application's.
   */
  drain(options?: DrainOptions): Promise<void>
  /**
   * Leaves the mesh: global fetch goes out without it again, and `fetch` and `dispatcher` take no more requests. Servers
   * go on under the last policy. The control plane sees the process go.
   */
  close(): Promise<void>
}

/**
 * The mesh of this process; made by the first call. A later call gets the same mesh, and its options are not looked at.
 * Rejects with MESH_OPTION_INVALID for an option or environment variable that can't be used.
 */
export function createMesh(options: MeshOptions = {}): Promise<HttpMesh> {
  const processMesh = globalThis as { [PROCESS_MESH]?: Promise<HttpMesh> }
  const present = processMesh[PROCESS_MESH]
  if (present !== undefined) {
    if (Object.keys(options).length > 0)
      log.warn('this process has its mesh already: the options of createMesh are not used')
    return present
  }
  const made = make(options)
  processMesh[PROCESS_MESH] = made
  const forget = (): void => {
    if (processMesh[PROCESS_MESH] === made) delete processMesh[PROCESS_MESH]
  }
  made.then((mesh) => mesh.onClose(forget), forget)
  return made
}

/** The mesh of this process as register uses it; made by the first call. */
export function processMesh(): Promise<FoundServers> {
  return createMesh() as Promise<OneMesh>
}

/** Takes servers that were found listening. */
export interface FoundServers {
  found(server: Server): void
}

async function make(options: MeshOptions): Promise<OneMesh> {
  const { env, host } = readEnvironment()
  return new OneMesh(resolveOptions(options, env, host))
}

class OneMesh implements HttpMesh {
  readonly fetch: typeof fetch
  readonly dispatcher: MeshDispatcher
  readonly core: Mesh
  readonly #options: ResolvedOptions
  readonly #context = new AsyncRequestContext()
  readonly #global: GlobalDispatchers
  readonly #servers = new Set<MeshServer>()
  readonly #admin: Admin | null
  #draining = false
  #onClose: () => void = () => {}

  constructor(options: ResolvedOptions) {
    this.#options = options
    this.core = options.disabled ? disabledMesh(log) : createCoreMesh(options, { log, carrier: this.#context })
    const registered = registration()
    registered?.lazy.lift()
    this.#global = new GlobalDispatchers()
    this.dispatcher = new MeshDispatcher(this.core, this.#global)
    this.fetch = createMeshFetch(this.dispatcher)
    if (registered !== null) {
      this.#global.install(this.dispatcher)
      registered.lazy.settle(this.dispatcher)
    }
    const state = { mesh: this.core, draining: () => this.#draining }
    this.#admin = options.admin === null || options.disabled ? null : startAdmin(options.admin, state)
  }

  server<S extends Server>(server: S): S {
    return this.#mesh(server, () => true)
  }

  /** A server that was found listening: only addresses of this workload are the mesh's. */
  found(server: Server): void {
    const { ips } = this.#options.workload
    const admits = ({ address }: ListenAddress): boolean =>
      WILDCARDS.has(address) || ips.includes(plainAddress(address))
    const address = server.address()
    if (address !== null && typeof address === 'object' && admits(address)) this.#mesh(server, admits)
  }

  ready(): Promise<void> {
    return this.core.ready()
  }

  drain(options?: DrainOptions): Promise<void> {
    this.#draining = true
    return drain(this.#servers, this.core.clock, options)
  }

  async close(): Promise<void> {
    this.#onClose()
    this.#global.uninstall()
    for (const server of this.#servers) server.release()
    this.#admin?.close()
    await this.dispatcher.close()
    await this.core.close()
  }

  #mesh<S extends Server>(server: S, admits: (address: ListenAddress) => boolean): S {
    if (this.#options.disabled) return server
    return meshServer(this.core, server, { context: this.#context, servers: this.#servers, admits })
  }

  onClose(listener: () => void): void {
    this.#onClose = listener
  }
}

const log = stderrLogger('warn')
const WILDCARDS: ReadonlySet<string> = new Set(['::', '0.0.0.0'])
