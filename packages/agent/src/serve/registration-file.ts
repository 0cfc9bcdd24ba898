// Registrations on disk, so that an agent that was killed serves its workloads' endpoints from its first moment on.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@inmesh/core'
import { z } from 'zod'
import type { Registration } from '../model/registration.ts'

const schema = z.strictObject({
  version: z.literal(1),
  registrations: z.array(
    z.strictObject({
      namespace: z.string(),
      group: z.string(),
      address: z.string(),
      labels: z.record(z.string(), z.string()),
      serviceAccount: z.string(),
      workloadName: z.string(),
      clusterId: z.string(),
      ports: z.array(z.int().min(1).max(65_535)),
      connected: z.boolean(),
    }),
  ),
})

/** `registrations.json` in the agent's state folder, readable by its user alone. */
export class RegistrationFile {
  readonly #path: string
  readonly #log: Logger

  /** Creates the folder. Throws when that is not possible. */
  constructor(folder: string, log: Logger) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#path = join(folder, 'registrations.json')
    this.#log = log
  }

  /** What was saved last; nothing when there is no file or it can't be understood, which is logged. */
  load(): readonly Registration[] {
    let text: string
    try {
      text = readFileSync(this.#path, 'utf8')
    } catch {
      return []
    }
    try {
      return schema.parse(JSON.parse(text)).registrations
    } catch (error) {
      this.#log.warn(`${this.#path} can't be read and is ignored: workloads are served once they reconnect`, {
        error: String(error),
      })
      return []
    }
  }

  /** Replaces the file in one step. A failure is logged: serving goes on without it. */
  save(registrations: readonly Registration[]): void {
    const temporary = `${this.#path}.tmp`
    try {
      writeFileSync(temporary, JSON.stringify({ version: 1, registrations }), { mode: 0o600 })
      renameSync(temporary, this.#path)
    } catch (error) {
      this.#log.warn(`${this.#path} can't be written: a restarted agent will not know its workloads`, {
        error: String(error),
      })
    }
  }
}
