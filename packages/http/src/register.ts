// `node --import @inmesh/http/register app.js`: the mesh for a process that knows nothing of it. Global fetch and undici
// find a stand-in in their slots, listening servers are noticed, and the mesh itself is loaded by the first of either.
// Nothing here throws into the application, keeps its process alive or touches its signals.
//
// The environment is read here and not through core, which is not to be loaded by a process that neither listens nor
// calls.
import { LazyDispatcher } from './lazy-dispatcher.ts'
import { REGISTRATION, type Registration } from './process-mesh.ts'
import { installServerHook } from './server/server-hook.ts'

type Loaded = typeof import('./create-mesh.ts')

function register(): void {
  const { env } = process
  if (isOn(env['INMESH_DISABLED']) || PACKAGE_MANAGERS.test(process.argv[1] ?? '')) return
  const place = globalThis as { [REGISTRATION]?: Registration }
  if (place[REGISTRATION] !== undefined) return
  const lazy = new LazyDispatcher(() => load().catch((error: unknown) => giveUp(lazy, error)))
  place[REGISTRATION] = { lazy }
  lazy.install()
  installServerHook({
    admits: ({ address }) => !isLoopback(address) || address === env['INSTANCE_IP'],
    load: async () => {
      const mesh = await load()
      return (server) => mesh.found(server)
    },
    failed: (error) => {
      giveUp(lazy, error)
      return env['INMESH_BOOTSTRAP'] === 'bypass'
    },
  })
  // The admin interface is asked for by the environment, not by a first request.
  if (env['INMESH_ADMIN']) void load().catch((error: unknown) => giveUp(lazy, error))
}

type FoundMesh = Awaited<ReturnType<Loaded['processMesh']>>

/** The mesh of this process. A failure stays one: what failed is the installation or an option. */
function load(): Promise<FoundMesh> {
  loading ??= import('./create-mesh.ts').then(({ processMesh }) => processMesh())
  return loading
}

let loading: Promise<FoundMesh> | null = null

/** Without a mesh, requests go out as if register were not there; servers refuse unless bootstrap is `bypass`. */
function giveUp(lazy: LazyDispatcher, error: unknown): void {
  report(error)
  if (lazy.settled) return
  lazy.lift()
  import('./client/undici-hook.ts').then(
    ({ GlobalDispatchers }) => lazy.settle(new GlobalDispatchers() as never),
    (cause: unknown) => lazy.refuse(cause),
  )
}

function report(error: unknown): void {
  if (reported) return
  reported = true
  const { message, hint } = error as { message?: string; hint?: string | null }
  process.stderr.write(`inmesh error the mesh cannot be loaded: ${message ?? String(error)} ${hint ?? ''}\n`)
}

let reported = false

function isOn(value: string | undefined): boolean {
  return value === '1' || value === 'true'
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

// NODE_OPTIONS reaches these too, and they are no workload.
const PACKAGE_MANAGERS = /[\\/](?:npm|npx|yarn|pnpm|corepack)(?:-cli)?(?:\.[cm]?js)?$/

try {
  register()
} catch (error) {
  report(error)
}
