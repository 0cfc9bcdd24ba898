// One machine of the mesh: an agent and services, each a process of its own at a loopback address of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A service's process. */
export interface ServiceProcess {
  readonly name: string
  readonly address: string
  /** `host:port` of the process's own metrics and readiness. */
  readonly admin: string
  readonly child: ChildProcess
}

/** What to start. */
export interface ServiceOptions {
  readonly name: string
  /** WorkloadGroup to register under; none for a process that only calls. */
  readonly group?: string
  /** The workload's own labels, as its metrics name it. */
  readonly labels?: Readonly<Record<string, string>>
  readonly namespace: string
  /** Path of the program. It knows nothing of the mesh. */
  readonly file: string
  readonly env?: Readonly<Record<string, string>>
  /** Node to run it with; the machine's by default. */
  readonly node?: string
}

/** How to start a machine. */
export interface MachineOptions {
  /** Folder with the YAML. */
  readonly config: string
  /** Node to run everything with; this process's by default. */
  readonly node?: string
  /** Where the processes' output goes; dropped by default. */
  readonly onOutput?: (name: string, text: string) => void
}

/** Starts processes and ends them. */
export class Machine {
  readonly #options: MachineOptions
  readonly #folder = mkdtempSync(join(tmpdir(), 'inmesh-'))
  readonly #children = new Set<ChildProcess>()
  // A /24 of 127.0.0.0/8 for this machine, so that several can stand side by side.
  readonly #subnet = `127.${1 + (process.pid % 250)}.${1 + Math.floor(Math.random() * 250)}`
  #hosts = 10
  #agent: ChildProcess | null = null

  constructor(options: MachineOptions) {
    this.#options = options
  }

  /** The agent's address, in the form of INMESH_XDS. */
  get xds(): string {
    return `unix://${join(this.#folder, 'xds.sock')}`
  }

  /** `host:port` of the agent's admin server. */
  get admin(): string {
    return `${this.#subnet}.1:15014`
  }

  get agent(): ChildProcess {
    if (this.#agent === null) throw new Error('no agent was started')
    return this.#agent
  }

  /** Starts the agent, or starts it again after it ended, with the same addresses and the same state. */
  async startAgent(): Promise<ChildProcess> {
    const program = join(import.meta.dirname, '../../packages/agent/bin/inmesh.js')
    const state = join(this.#folder, 'state')
    const args = [
      program,
      'standalone',
      '--config',
      this.#options.config,
      '--xds',
      this.xds,
      '--admin',
      this.admin,
      '--state',
      state,
    ]
    this.#agent = this.#start('agent', this.#options.node ?? process.execPath, args, {})
    await waitFor(`http://${this.admin}/ready`, this.#agent)
    return this.#agent
  }

  /** Starts a service under the mesh; resolves when it is configured. */
  async startService(options: ServiceOptions): Promise<ServiceProcess> {
    const address = `${this.#subnet}.${this.#hosts++}`
    const admin = `${address}:15090`
    const child = this.#start(
      options.name,
      options.node ?? this.#options.node ?? process.execPath,
      ['--conditions=inmesh-source', '--import', '@inmesh/http/register', options.file],
      {
        HOST: address,
        INSTANCE_IP: address,
        INMESH_XDS: this.xds,
        INMESH_ADMIN: admin,
        POD_NAME: options.name,
        POD_NAMESPACE: options.namespace,
        ...(options.group === undefined ? {} : { ISTIO_META_AUTO_REGISTER_GROUP: options.group }),
        ...(options.labels === undefined ? {} : { ISTIO_META_LABELS: JSON.stringify(options.labels) }),
        ...options.env,
      },
    )
    await waitFor(`http://${admin}/ready`, child)
    return { name: options.name, address, admin, child }
  }

  /** Starts a program with these arguments of Node's, as it is. */
  startProgram(name: string, args: readonly string[]): ChildProcess {
    return this.#start(name, this.#options.node ?? process.execPath, args, {})
  }

  /** Ends every process and removes what they wrote. */
  async stop(): Promise<void> {
    const ended = [...this.#children].map((child) => new Promise((resolve) => child.once('exit', resolve)))
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(ended)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #start(name: string, node: string, args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
    const child = spawn(node, args, {
      cwd: import.meta.dirname,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => this.#options.onOutput?.(name, text))
    }
    return child
  }
}

/** Asks until a success comes; gives up when the process ends or after 30 seconds. */
export async function waitFor(url: string, child: ChildProcess): Promise<void> {
  const giveUp = performance.now() + 30_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the process behind ${url} ended with ${child.exitCode}`)
    const response = await fetch(url).catch(() => null)
    await response?.arrayBuffer()
    if (response?.ok === true) return
    if (performance.now() > giveUp)
      throw new Error(`${url} does not answer${response === null ? '' : `: status ${response.status}`}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
