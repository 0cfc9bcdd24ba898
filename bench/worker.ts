// A benchmark's processes: each variant runs in a process of its own, so that neither warms up nor deoptimises the other;
// the parent lets them take turns.
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import { getHeapStatistics } from 'node:v8'

/** A process that does work when told to and answers with what it measured. */
export class BenchWorker {
  readonly child: ChildProcess
  readonly #exits: Promise<number | null>

  /** `file` lies in workers/; the process gets the arguments and the environment. */
  constructor(
    file: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    execArgv: readonly string[] = [],
  ) {
    this.child = fork(join(import.meta.dirname, 'workers', file), [...args], {
      execArgv: ['--conditions=inmesh-source', '--expose-gc', ...STEADY, ...execArgv],
      env: { ...process.env, ...env },
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    this.#exits = new Promise((resolve) => this.child.once('exit', resolve))
  }

  /** Sends a message and waits for the answer. */
  ask<Answer>(message: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`a benchmark's process ended with ${code}`))
      this.child.once('exit', ended)
      this.child.once('message', (answer) => {
        this.child.off('exit', ended)
        resolve(answer as Answer)
      })
      this.child.send(message)
    })
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.#exits
  }
}

/** In a worker: bytes that its JavaScript heap has ever allocated. NaN before Node 26, which does not tell. */
export function allocatedBytes(): number {
  return (getHeapStatistics() as { readonly total_allocated_bytes?: number }).total_allocated_bytes ?? Number.NaN
}

/** In a worker: answers each message by what `handle` returns. */
export function serveWorker<Message, Answer>(handle: (message: Message) => Promise<Answer>): void {
  process.on('message', (message) => {
    handle(message as Message).then(
      (answer) => process.send?.(answer as object),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}

// `npm run bench -- --steady`: without V8's pretenuring, which by chance puts all later objects of a kind into the old
// generation, of a mesh or of the bare side, and costs more there. It tells our own work apart from that chance; what users
// get is measured without it.
const STEADY = process.env['INMESH_BENCH_STEADY'] === '1' ? ['--no-allocation-site-pretenuring'] : []
