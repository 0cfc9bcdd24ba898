// One resource that somebody watches: its last good value, what happened to it, and who is told.
import type { Timer } from '../runtime/clock.ts'
import type { Subscription } from '../runtime/closeable.ts'
import type { MeshError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { ClientStatus, ResourceStatus } from './client-status.ts'
import type { ResourceWatcher } from './watch.ts'

/** A value that was accepted. */
export interface AcceptedValue {
  readonly resource: unknown
  readonly bytes: Uint8Array
  readonly version: string
  readonly warnings: readonly string[]
}

/** A resource by name. It is mutable; the xDS client alone changes it. */
export class CachedResource {
  readonly typeUrl: string
  readonly name: string
  readonly watches: Set<Watch> = new Set()
  status: ClientStatus = 'REQUESTED'
  value: AcceptedValue | null = null
  /** Why the last version was rejected, or why there is none. */
  error: MeshError | null = null
  failedVersion = ''
  lastUpdated = 0
  /** Runs while the resource is awaited on a live stream. */
  missingTimer: Timer | null = null
  readonly #log: Logger

  constructor(typeUrl: string, name: string, log: Logger) {
    this.typeUrl = typeUrl
    this.name = name
    this.#log = log
  }

  /** A new value is in force. */
  accept(value: AcceptedValue, now: number): void {
    this.value = value
    this.#settle('ACKED', null, '', now)
  }

  /** The value in force was sent again, perhaps under another version. */
  confirm(version: string, now: number): void {
    if (this.value === null || (this.status === 'ACKED' && this.value.version === version)) return
    this.value = { ...this.value, version }
    this.#settle('ACKED', null, '', now)
  }

  /** A version was rejected; the value in force stays. False when the same was said before. */
  reject(error: MeshError, version: string, now: number): boolean {
    const repeated = this.status === 'NACKED' && this.error?.message === error.message
    this.#settle('NACKED', error, version, now)
    return !repeated
  }

  /** There is no such resource (any more). False when that was known. */
  miss(error: MeshError, now: number): boolean {
    if (this.status === 'DOES_NOT_EXIST') return false
    this.value = null
    this.#settle('DOES_NOT_EXIST', error, '', now)
    return true
  }

  /** Tells every watcher where the resource stands. */
  tellAll(): void {
    for (const watch of this.watches) this.tell(watch)
  }

  /** Tells one watcher. */
  tell(watch: Watch): void {
    watch.told = true
    if (this.value !== null) {
      const { resource } = this.value
      // A watcher that joins after a rejected update hears of both.
      if (watch.resource !== resource) this.#call(watch, () => watch.watcher.onChanged(resource))
      watch.resource = resource
      if (this.error !== null) this.ambient(watch, this.error)
    } else if (this.error !== null) {
      const { error } = this
      watch.resource = null
      this.#call(watch, () => watch.watcher.onError(error))
    }
  }

  /** Tells one watcher of trouble that changes no value. */
  ambient(watch: Watch, error: MeshError): void {
    this.#call(watch, () => watch.watcher.onAmbientError(error))
  }

  /** For client status. */
  dump(): ResourceStatus {
    return {
      typeUrl: this.typeUrl,
      name: this.name,
      status: this.status,
      version: this.value?.version ?? '',
      failedVersion: this.failedVersion,
      error: this.error?.message ?? null,
      warnings: this.value?.warnings ?? [],
      lastUpdated: this.lastUpdated,
    }
  }

  #settle(status: ClientStatus, error: MeshError | null, failedVersion: string, now: number): void {
    this.missingTimer?.cancel()
    this.missingTimer = null
    this.status = status
    this.error = error
    this.failedVersion = failedVersion
    this.lastUpdated = now
  }

  /** A watcher that throws must not keep the others from hearing. */
  #call(watch: Watch, tell: () => void): void {
    if (!watch.active) return
    try {
      tell()
    } catch (error) {
      this.#log.error('a watcher of an xDS resource threw', {
        type: this.typeUrl,
        name: this.name,
        error: String(error),
      })
    }
  }
}

/** One watcher of one resource. */
export class Watch implements Subscription {
  readonly watcher: ResourceWatcher<unknown>
  active = true
  /** Whether the watcher has heard where the resource stands. */
  told = false
  /** The value it heard of last. */
  resource: unknown = null
  readonly #onCancel: (watch: Watch) => void

  constructor(watcher: ResourceWatcher<unknown>, onCancel: (watch: Watch) => void) {
    this.watcher = watcher
    this.#onCancel = onCancel
  }

  cancel(): void {
    if (!this.active) return
    this.active = false
    this.#onCancel(this)
  }
}
