// Watches a folder and the folders in it for YAML and JSON files that come, change and go (fs.watch, one watch per
// folder). Files that an editor replaces by rename and ConfigMap mounts (`..data`) count as changed.
import { type FSWatcher, watch } from 'node:fs'
import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** The text of each file, by path in sorted order; null when the root can't be read. */
export type FolderContent = ReadonlyMap<string, string> | null

interface Known {
  /** Device, inode, size and times: when they are the same, so is the text. */
  readonly stamp: string
  readonly text: string
}

/** Reads and watches; `onEvent` is called when something may have changed, and `scan` says what is there now. */
export class FolderWatcher {
  readonly #root: string
  readonly #onEvent: () => void
  readonly #watches = new Map<string, FSWatcher>()
  #known = new Map<string, Known>()
  #touched = new Set<string>()
  #closed = false

  /** `root` is a folder, or a single file. */
  constructor(root: string, onEvent: () => void) {
    this.#root = root
    this.#onEvent = onEvent
  }

  /** The folder as it is now. Files that can't be read for a moment keep what was read of them before. */
  async scan(): Promise<FolderContent> {
    // What happens while the scan runs is for the next one.
    const touched = this.#touched
    this.#touched = new Set()
    const folders = new Set([dirname(this.#root)])
    this.#watch(dirname(this.#root))
    const files: string[] = []
    const root = await stat(this.#root).catch(() => null)
    if (root === null) return null
    if (root.isFile()) files.push(this.#root)
    else await this.#walk(this.#root, folders, files, new Set())
    for (const [folder, watcher] of this.#watches) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#watches.delete(folder)
    }
    const known = new Map<string, Known>()
    for (const file of files.toSorted()) {
      const now = await this.#read(file, touched.has(file))
      if (now !== null) known.set(file, now)
    }
    this.#known = known
    return new Map([...known].map(([file, { text }]) => [file, text]))
  }

  /** Stops watching. */
  close(): void {
    this.#closed = true
    for (const watcher of this.#watches.values()) watcher.close()
    this.#watches.clear()
  }

  async #walk(folder: string, folders: Set<string>, files: string[], above: ReadonlySet<string>): Promise<void> {
    // The watch comes before the look, so that nothing falls between them.
    this.#watch(folder)
    folders.add(folder)
    const real = await realpath(folder).catch(() => null)
    if (real === null || above.has(real)) return
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      // Hidden: editors' swap files, and the versioned folders behind a ConfigMap's links.
      if (entry.name.startsWith('.')) continue
      const path = join(folder, entry.name)
      const type = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry
      if (type?.isDirectory()) await this.#walk(path, folders, files, new Set([...above, real]))
      else if (type?.isFile() && CONFIG_FILE.test(entry.name)) files.push(path)
    }
  }

  async #read(file: string, touched: boolean): Promise<Known | null> {
    const before = this.#known.get(file)
    try {
      const handle = await open(file)
      try {
        const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true })
        const stamp = `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
        if (before?.stamp === stamp && !touched) return before
        return { stamp, text: await handle.readFile('utf8') }
      } finally {
        await handle.close()
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      return before ?? { stamp: '', text: UNREADABLE }
    }
  }

  #watch(folder: string): void {
    if (this.#closed || this.#watches.has(folder)) return
    const aboveRoot = folder === dirname(this.#root) && folder !== this.#root
    try {
      const watcher = watch(folder, (_event, name) => {
        // Of the folder above, only the root itself matters.
        if (aboveRoot && name !== null && name !== basename(this.#root)) return
        if (name !== null) this.#touched.add(join(folder, name))
        this.#onEvent()
      })
      watcher.on('error', () => {
        watcher.close()
        if (this.#watches.get(folder) === watcher) this.#watches.delete(folder)
        this.#onEvent()
      })
      this.#watches.set(folder, watcher)
    } catch {
      // Gone again, or not ours to read: the folder above tells when that changes.
    }
  }
}

const CONFIG_FILE = /\.(yaml|yml|json)$/i
// Not YAML: the file is reported instead of being taken as empty.
const UNREADABLE = '\t"this file can not be read: check its permissions'
