// The mesh of a process: look-ups, what happens before the configuration comes, and the life of it all. Construction is
// synchronous and loads nothing; the xDS client, the decoders and the interpreter come with the first look-up
// (loaded-mesh.ts).
import { BootstrapWait, meshNotReady } from './bootstrap-wait.ts'
import { inboundRoot, LearnedNames, outboundRoot } from './config/roots/on-demand.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Reply } from './exchange/reply.ts'
import type { Inbound } from './inbound.ts'
import type { LoadedMesh } from './loaded-mesh.ts'
import { LookUp } from './look-up.ts'
import type { ListenAddress, Mesh, Target } from './mesh.ts'
import type { ResolvedOptions } from './options.ts'
import { NOT_READY, type Outbound, PASS_THROUGH } from './outbound.ts'
import { type Clock, systemClock, type Timer } from './runtime/clock.ts'
import type { Subscription } from './runtime/closeable.ts'
import { type Logger, stderrLogger } from './runtime/log.ts'
import { ProcessHold } from './runtime/process-hold.ts'
import { type Random, seededRandom, systemRandom } from './runtime/random.ts'
import { type ContextCarrier, noContext } from './telemetry/request-context.ts'
import type { XdsTransport } from './xds/transport.ts'

/** What a mesh is given beside its options; each has a default. */
export interface MeshDependencies {
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Default: the machine's, or a seeded one by `options.testSeed`. */
  readonly random?: Random
  /** Default: stderr, from `warn` upwards. */
  readonly log?: Logger
  /** The way to the control plane. Default: gRPC to `options.xds`. */
  readonly transport?: XdsTransport
  /** Tells the request that this process serves at the moment, so that its trace goes on. Default: none. */
  readonly carrier?: ContextCarrier
}

/** A mesh, for an adapter to stand on. */
export type CoreMesh = Mesh

/** Makes a mesh. Nothing is loaded and nobody is asked before the first look-up. */
export function createCoreMesh(options: ResolvedOptions, dependencies: MeshDependencies = {}): CoreMesh {
  return new LiveMesh(options, {
    clock: dependencies.clock ?? systemClock,
    random: dependencies.random ?? (options.testSeed === null ? systemRandom : seededRandom(options.testSeed)),
    log: dependencies.log ?? stderrLogger('warn'),
    transport: dependencies.transport ?? null,
    carrier: dependencies.carrier ?? noContext,
  })
}

/** Dependencies with every default filled in. */
export interface ResolvedDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly transport: XdsTransport | null
  readonly carrier: ContextCarrier
}

class LiveMesh implements Mesh {
  readonly clock: Clock
  readonly log: Logger
  readonly #options: ResolvedOptions
  readonly #dependencies: ResolvedDependencies
  readonly #bootstrap: BootstrapWait
  readonly #hold = new ProcessHold()
  readonly #destinations = new LearnedNames<Destination>()
  readonly #listening = new Map<string, Listening>()
  readonly #exchangeListeners = new Set<(x: Exchange) => void>()
  #whenReady: (() => void)[] = []
  #loading: Promise<LoadedMesh | null> | null = null
  #loaded: LoadedMesh | null = null
  #idleTimer: Timer | null = null
  #closed = false

  constructor(options: ResolvedOptions, dependencies: ResolvedDependencies) {
    this.clock = dependencies.clock
    this.log = dependencies.log
    this.#options = options
    this.#dependencies = dependencies
    const { bootstrap: mode, waitMs, xds } = options
    this.#bootstrap = new BootstrapWait({ mode, waitMs, xds }, this.clock, this.log)
  }

  outbound(target: Target): Outbound | typeof PASS_THROUGH | typeof NOT_READY {
    if (target.scheme === 'https') return PASS_THROUGH
    const known = this.#destinations.find(target.host, target.port)
    if (known === null) return this.#learn(target).answer
    known.usedAt = this.#destinations.tick
    return known.answer
  }

  whenOutbound(target: Target): Promise<Outbound | typeof PASS_THROUGH | Reply> {
    if (target.scheme === 'https') return Promise.resolve(PASS_THROUGH)
    const destination = this.#destinations.find(target.host, target.port) ?? this.#learn(target)
    return this.#held(destination)
  }

  inbound(address: ListenAddress): Inbound | typeof PASS_THROUGH | typeof NOT_READY {
    return this.#listen(address).answer
  }

  whenInbound(address: ListenAddress): Promise<Inbound | typeof PASS_THROUGH | Reply> {
    return this.#held(this.#listen(address))
  }

  releaseInbound(address: ListenAddress): void {
    const root = inboundRoot(address.address, address.port)
    const listening = this.#listening.get(root)
    if (listening === undefined) return
    this.#listening.delete(root)
    listening.release()
    if (listening.open) listening.decide(meshNotReady)
  }

  async ready(): Promise<void> {
    await this.#load()
    if (this.#bootstrap.answered || this.#closed) return
    if (this.#destinations.size === 0 && this.#listening.size === 0) return
    this.#hold.acquire()
    await new Promise<void>((resolve) => this.#whenReady.push(resolve))
    this.#hold.release()
  }

  async metrics(): Promise<string> {
    const loaded = await this.#load()
    return loaded === null ? '' : loaded.metrics()
  }

  configDump(): unknown {
    const { xds, bootstrap, discovery } = this.#options
    const outbound = [...this.#destinations].map((d) => ({ name: outboundRoot(d.host, d.port), state: d.state }))
    const inbound = [...this.#listening].map(([name, listening]) => ({ name, state: listening.state }))
    const own = { xds, bootstrap, discovery, answered: this.#bootstrap.answered, outbound, inbound }
    return this.#loaded === null ? own : { ...own, ...this.#loaded.dump() }
  }

  onExchange(listener: (x: Exchange) => void): { cancel(): void } {
    const registration = (x: Exchange): void => listener(x)
    this.#exchangeListeners.add(registration)
    return { cancel: () => this.#exchangeListeners.delete(registration) }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#idleTimer?.cancel()
    for (const destination of this.#destinations) {
      destination.release()
      destination.configure(PASS_THROUGH)
    }
    for (const listening of this.#listening.values()) {
      listening.release()
      if (listening.open) listening.decide(meshNotReady)
    }
    this.#settleReady()
    await (await this.#loading)?.close()
  }

  #held<T extends object>(lookUp: LookUp<T>): Promise<T | typeof PASS_THROUGH | Reply> {
    const answer = lookUp.when()
    if (lookUp.open) {
      this.#hold.acquire()
      void answer.then(() => this.#hold.release())
    }
    return answer
  }

  #learn(target: Target): Destination {
    const destination = new Destination(target.host, target.port)
    if (this.#closed || this.#isControlPlane(target)) {
      destination.configure(PASS_THROUGH)
      if (this.#closed) return destination
    }
    destination.usedAt = this.#destinations.tick
    this.#destinations.add(destination)?.release()
    this.#idleTimer ??= this.clock.schedule(TICK_MS, () => this.#tick())
    if (!destination.open) return destination
    const name = outboundRoot(target.host, target.port)
    this.#bootstrap.guard('outbound', name, destination)
    this.#whenLoaded(destination, (loaded) => loaded.watchOutbound(name, target, destination))
    return destination
  }

  #listen(address: ListenAddress): Listening {
    const name = inboundRoot(address.address, address.port)
    const known = this.#listening.get(name)
    if (known !== undefined) return known
    const listening = new Listening()
    if (this.#closed) {
      listening.decide(meshNotReady)
      return listening
    }
    this.#listening.set(name, listening)
    this.#bootstrap.guard('inbound', name, listening)
    this.#whenLoaded(listening, (loaded) => loaded.watchInbound(name, listening))
    return listening
  }

  /** Starts the watch as soon as there is something to watch with, unless the look-up was given up meanwhile. */
  #whenLoaded(lookUp: Destination | Listening, watch: (loaded: LoadedMesh) => Subscription): void {
    if (this.#loaded !== null) lookUp.subscription = watch(this.#loaded)
    else {
      void this.#load().then((loaded) => {
        if (loaded !== null && !lookUp.released) lookUp.subscription = watch(loaded)
      })
    }
  }

  /** Null when the code cannot be loaded: then the bootstrap mode has the last word. */
  #load(): Promise<LoadedMesh | null> {
    this.#loading ??= import('./loaded-mesh.ts')
      .then(({ LoadedMesh }) =>
        LoadedMesh.load(this.#options, this.#dependencies, {
          onAnswer: () => this.#onAnswer(),
          onExchange: (x) => this.#onExchange(x),
        }),
      )
      .then((loaded) => {
        this.#loaded = loaded
        return loaded
      })
      .catch((error: unknown) => {
        this.log.error('the mesh cannot be loaded', { error: error instanceof Error ? error.stack : String(error) })
        return null
      })
    return this.#loading
  }

  #onAnswer(): void {
    this.#bootstrap.onAnswer()
    this.#settleReady()
  }

  #settleReady(): void {
    const waiting = this.#whenReady
    this.#whenReady = []
    for (const resolve of waiting) resolve()
  }

  #onExchange(x: Exchange): void {
    if (this.#exchangeListeners.size === 0) return
    for (const listener of this.#exchangeListeners) {
      try {
        listener(x)
      } catch (error) {
        this.log.error('a listener of completed exchanges failed', { error: String(error) })
      }
    }
  }

  #tick(): void {
    for (const idle of this.#destinations.advance(IDLE_TICKS)) idle.release()
    this.#idleTimer = this.#destinations.size === 0 ? null : this.clock.schedule(TICK_MS, () => this.#tick())
  }

  /** Our own connection to the control plane is never meshed. */
  #isControlPlane({ host, port }: Target): boolean {
    const { xds } = this.#options
    return xds === outboundRoot(host, port) || (isLoopback(host) && LOOPBACK.some((l) => xds === outboundRoot(l, port)))
  }
}

/** What a look-up holds while it is followed. */
class Followed<T extends object> extends LookUp<T> {
  subscription: Subscription | null = null
  released = false

  release(): void {
    this.released = true
    this.subscription?.cancel()
    this.subscription = null
  }
}

/** A host and port that this process calls. */
class Destination extends Followed<Outbound> {
  readonly host: string
  readonly port: number
  usedAt = 0

  constructor(host: string, port: number) {
    super()
    this.host = host
    this.port = port
  }
}

/** An address that this process listens on. */
class Listening extends Followed<Inbound> {}

function isLoopback(host: string): boolean {
  return LOOPBACK.includes(host)
}

const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1']
// A name unused for an hour is let go; it is looked at in steps of five minutes.
const TICK_MS = 300_000
const IDLE_TICKS = 12
