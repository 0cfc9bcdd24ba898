// The configuration of a folder: watched, read when it changes, with the last good version of what has gone bad.
import type { Clock, Logger, Timer } from '@inmesh/core'
import { resolve } from 'node:path'
import { findDanglingReferences } from '../model/references.ts'
import { objectKey, readObject, type ReadObject } from './config-object.ts'
import type { ConfigObject, ConfigState, ConfigStore, Problem } from './config-store.ts'
import { FolderWatcher, type FolderContent } from './folder-watcher.ts'
import { readYaml } from './yaml-file.ts'

/** Options of a FileStore. */
export interface FileStoreOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds without a further event before files are read; default 20. An editor's save is several events. */
  readonly settleMs?: number
  /** Milliseconds after which files are read although events go on; default 100. */
  readonly longestWaitMs?: number
  /** Milliseconds that a file with objects must stay empty before they are gone; default 250. Many programs empty a file first. */
  readonly emptyForMs?: number
}

interface ReadFile {
  readonly text: string
  /** What counts of the file: of a file that does not parse, what it held before. */
  readonly objects: readonly ReadObject[]
  readonly problems: readonly Problem[]
}

/** A ConfigStore over files. */
export class FileStore implements ConfigStore {
  readonly #root: string
  readonly #clock: Clock
  readonly #log: Logger
  readonly #settleMs: number
  readonly #longestWaitMs: number
  readonly #emptyForMs: number
  readonly #emptySince = new Map<string, number>()
  readonly #watcher: FolderWatcher
  readonly #listeners = new Set<(state: ConfigState) => void>()
  #files: ReadonlyMap<string, ReadFile> = new Map()
  #state: ConfigState = { objects: [], problems: [] }
  #timer: Timer | null = null
  #firstEvent: number | null = null
  #scanning: Promise<void> | null = null
  #again = false
  #closed = false

  /** `root` is a folder of .yaml, .yml and .json files, folders in it included; or one file. */
  constructor(root: string, options: FileStoreOptions) {
    this.#root = resolve(root)
    this.#clock = options.clock
    this.#log = options.log
    this.#settleMs = options.settleMs ?? 20
    this.#longestWaitMs = options.longestWaitMs ?? 100
    this.#emptyForMs = options.emptyForMs ?? 250
    this.#watcher = new FolderWatcher(this.#root, () => this.#onEvent())
  }

  get state(): ConfigState {
    return this.#state
  }

  async start(): Promise<ConfigState> {
    await this.#scan()
    return this.#state
  }

  onChange(listener: (state: ConfigState) => void): { cancel(): void } {
    this.#listeners.add(listener)
    return { cancel: () => void this.#listeners.delete(listener) }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#watcher.close()
    await this.#scanning
  }

  #onEvent(): void {
    if (this.#closed) return
    const now = this.#clock.now()
    this.#firstEvent ??= now
    this.#timer?.cancel()
    const delay = Math.max(0, Math.min(this.#settleMs, this.#firstEvent + this.#longestWaitMs - now))
    this.#timer = this.#clock.schedule(delay, () => {
      this.#firstEvent = null
      void this.#scan()
    })
  }

  #scan(): Promise<void> {
    if (this.#scanning !== null) {
      this.#again = true
      return this.#scanning
    }
    this.#scanning = this.#scanUntilDone().finally(() => {
      this.#scanning = null
    })
    return this.#scanning
  }

  async #scanUntilDone(): Promise<void> {
    do {
      this.#again = false
      try {
        const content = await this.#watcher.scan()
        if (this.#closed) return
        this.#apply(content)
      } catch (error) {
        this.#log.error('the configuration was not read: the last good state stays in force', { error: String(error) })
      }
    } while (this.#again)
  }

  #apply(content: FolderContent): void {
    const rootProblems: Problem[] = []
    if (content === null) {
      const message = 'can not be read: create the folder or name another; the last good state stays in force'
      rootProblems.push({ severity: 'error', file: this.#root, line: 1, object: null, field: null, message })
    } else {
      const files = new Map<string, ReadFile>()
      for (const [file, text] of content) {
        const before = this.#files.get(file)
        const same = before !== undefined && (before.text === text || this.#onlyJustEmptied(file, text, before))
        files.set(file, same ? before : readFile(file, text, before))
      }
      this.#files = files
    }
    for (const file of this.#emptySince.keys()) if (!this.#files.has(file)) this.#emptySince.delete(file)
    const state = combine([...this.#files.values()], this.#state, rootProblems)
    if (sameState(state, this.#state)) return
    this.#state = state
    for (const listener of this.#listeners) listener(state)
  }

  #onlyJustEmptied(file: string, text: string, before: ReadFile): boolean {
    if (text.trim() !== '' || before.objects.length === 0) {
      this.#emptySince.delete(file)
      return false
    }
    const now = this.#clock.now()
    const since = this.#emptySince.get(file)
    if (since !== undefined && now - since >= this.#emptyForMs) return false
    if (since === undefined) this.#emptySince.set(file, now)
    this.#clock.schedule(this.#emptyForMs - (now - (since ?? now)), () => {
      if (!this.#closed) void this.#scan()
    })
    return true
  }
}

/** Reads files that are given as text, in this order, as a FileStore does at its start. */
export function readConfig(files: readonly { readonly file: string; readonly text: string }[]): ConfigState {
  const read = files.map(({ file, text }) => readFile(file, text, undefined))
  return combine(read, { objects: [], problems: [] }, [])
}

function readFile(file: string, text: string, before: ReadFile | undefined): ReadFile {
  const parsed = readYaml(file, text)
  if (parsed.ok) {
    const objects = parsed.objects.map(readObject)
    return { text, objects, problems: parsed.problems }
  }
  const kept = before !== undefined && before.objects.length > 0
  const message = kept ? `${parsed.problem.message} (${STAYS})` : parsed.problem.message
  return { text, objects: before?.objects ?? [], problems: [{ ...parsed.problem, message }] }
}

// The first object of a key counts. One that is wrong keeps its last good version, wherever that stood.
function combine(files: readonly ReadFile[], last: ConfigState, problems: Problem[]): ConfigState {
  const lastGood = new Map(last.objects.map((object) => [objectKey(object), object]))
  const first = new Map<string, ReadObject>()
  const objects: ConfigObject[] = []
  for (const file of files) {
    problems.push(...file.problems)
    for (const read of file.objects) {
      const earlier = read.key === '' ? undefined : first.get(read.key)
      if (earlier !== undefined) {
        problems.push(duplicate(read, earlier))
        continue
      }
      if (read.key !== '') first.set(read.key, read)
      const object = read.object ?? lastGood.get(read.key) ?? null
      const kept = read.object === null && object !== null
      for (const problem of read.problems) {
        problems.push(kept && problem.severity === 'error' ? stays(problem) : problem)
      }
      if (object !== null) objects.push(object)
    }
  }
  problems.push(...findDanglingReferences(objects))
  return { objects, problems }
}

function stays(problem: Problem): Problem {
  return { ...problem, message: `${problem.message} (${STAYS})` }
}

function duplicate(read: ReadObject, earlier: ReadObject): Problem {
  const { file } = read.source
  const line = read.source.line([])
  const message = `is there twice: the one at ${earlier.source.file}:${earlier.source.line([])} counts, this one does not: remove or rename it`
  return { severity: 'error', file, line, object: read.label, field: null, message }
}

function sameState(a: ConfigState, b: ConfigState): boolean {
  return (
    a.objects.length === b.objects.length &&
    a.objects.every((object, i) => object === b.objects[i]) &&
    JSON.stringify(a.problems) === JSON.stringify(b.problems)
  )
}

const STAYS = 'the last good version stays in force'
