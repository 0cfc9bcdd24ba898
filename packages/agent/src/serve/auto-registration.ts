// Workloads register themselves by connecting (istio pilot/pkg/autoregistration): the key is WorkloadGroup and address, a
// workload is healthy on the ports whose inbound listeners it asks for, and it is gone soon after its last stream.
import { isDeepStrictEqual } from 'node:util'
import type { Clock, Logger, Timer } from '@inmesh/core'
import type { Proxy } from '../model/proxy.ts'
import type { Registration } from '../model/registration.ts'
import type { RegistrationFile } from './registration-file.ts'

interface Entry {
  registration: Registration
  /** Streams that hold it: replicas of one process (cluster workers) share an address. */
  readonly streams: Map<object, ReadonlySet<number> | null>
  /** Ports known from before a restart or a reconnect, in force until a stream says otherwise. */
  remembered: readonly number[]
  expiry: Timer | null
}

/** Holds the registrations and tells when they change. */
export class AutoRegistration {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #file: RegistrationFile | null
  readonly #onChange: () => void
  readonly #entries = new Map<string, Entry>()
  readonly #byStream = new Map<object, Entry>()

  /** Registrations of the file are served until their workloads come back, 10 s at the most. */
  constructor(options: { clock: Clock; log: Logger; file: RegistrationFile | null; onChange: () => void }) {
    this.#clock = options.clock
    this.#log = options.log
    this.#file = options.file
    this.#onChange = options.onChange
    for (const registration of options.file?.load() ?? []) {
      const entry: Entry = {
        registration: { ...registration, connected: false },
        streams: new Map(),
        remembered: registration.ports,
        expiry: null,
      }
      this.#entries.set(keyOf(registration), entry)
      this.#expireAfter(entry, RESTART_GRACE_MS)
    }
  }

  /** The registrations in force, in a stable order. */
  list(): readonly Registration[] {
    return [...this.#entries.keys()].sort().map((key) => (this.#entries.get(key) as Entry).registration)
  }

  /** A stream of a workload with a group has begun. */
  connect(stream: object, proxy: Proxy): void {
    if (proxy.group === null) return
    const [namespace, group] = splitGroup(proxy.group, proxy.namespace)
    const address = proxy.ips[0] as string
    const registration: Registration = {
      namespace,
      group,
      address,
      labels: proxy.labels,
      serviceAccount: proxy.serviceAccount,
      workloadName: proxy.name,
      clusterId: proxy.clusterId,
      ports: [],
      connected: true,
    }
    const key = keyOf(registration)
    let entry = this.#entries.get(key)
    const isNew = entry === undefined
    if (entry === undefined) {
      entry = { registration, streams: new Map(), remembered: [], expiry: null }
      this.#entries.set(key, entry)
      this.#log.info('workload registered', { group: `${namespace}/${group}`, address })
    }
    entry.expiry?.cancel()
    entry.expiry = null
    entry.streams.set(stream, null)
    this.#byStream.set(stream, entry)
    if (!this.#refresh(entry, registration) && isNew) this.#changed()
  }

  /** The stream asks for the inbound listeners of these ports: its process listens there. */
  listen(stream: object, ports: ReadonlySet<number>): void {
    const entry = this.#byStream.get(stream)
    if (entry === undefined) return
    const before = entry.streams.get(stream)
    // The first request of a stream may come before the process listens: what is remembered holds until it names a port.
    if (ports.size === 0 && (before === null || before === undefined)) return
    entry.streams.set(stream, new Set(ports))
    entry.remembered = []
    this.#refresh(entry, entry.registration)
  }

  /** The stream is over. Its workload is gone when it was the last, a moment later, so that a reconnect costs nothing. */
  disconnect(stream: object): void {
    const entry = this.#byStream.get(stream)
    if (entry === undefined) return
    this.#byStream.delete(stream)
    entry.remembered = entry.registration.ports
    entry.streams.delete(stream)
    if (entry.streams.size > 0) {
      entry.remembered = []
      this.#refresh(entry, entry.registration)
    } else {
      this.#expireAfter(entry, DISCONNECT_GRACE_MS)
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.expiry?.cancel()
  }

  #expireAfter(entry: Entry, graceMs: number): void {
    entry.expiry = this.#clock.schedule(graceMs, () => {
      const { namespace, group, address } = entry.registration
      this.#entries.delete(keyOf(entry.registration))
      this.#log.info('workload gone', { group: `${namespace}/${group}`, address })
      this.#changed()
    })
  }

  /** Brings the registration up to date with its streams; says whether that changed anything. */
  #refresh(entry: Entry, latest: Registration): boolean {
    const ports = new Set<number>(entry.remembered)
    for (const asked of entry.streams.values()) if (asked !== null) for (const port of asked) ports.add(port)
    const next: Registration = { ...latest, ports: [...ports].sort((a, b) => a - b), connected: true }
    if (isDeepStrictEqual(next, entry.registration)) return false
    entry.registration = next
    this.#changed()
    return true
  }

  #changed(): void {
    this.#file?.save(this.list())
    this.#onChange()
  }
}

function keyOf(r: Pick<Registration, 'namespace' | 'group' | 'address'>): string {
  return `${r.namespace}/${r.group}/${r.address}`
}

/** `group` or `namespace/group`. */
function splitGroup(text: string, namespace: string): [string, string] {
  const slash = text.indexOf('/')
  return slash < 0 ? [namespace, text] : [text.slice(0, slash), text.slice(slash + 1)]
}

const RESTART_GRACE_MS = 10_000
const DISCONNECT_GRACE_MS = 1_000
