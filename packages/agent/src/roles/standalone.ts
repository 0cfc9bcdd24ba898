// Everything on one machine: a folder of Istio YAML in, xDS out. Composition only.
import { createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Logger, MeshError, systemClock } from '@inmesh/core'
import { AdminServer } from '../admin/admin-server.ts'
import { AgentMetrics } from '../admin/agent-metrics.ts'
import { reportProblems } from '../admin/report-problems.ts'
import type { ConfigState } from '../ingest/config-store.ts'
import { FileStore } from '../ingest/file-store.ts'
import { createPushContext, type PushContext } from '../model/push-context.ts'
import { formatAddress, parseAddress } from '../serve/address.ts'
import { AutoRegistration } from '../serve/auto-registration.ts'
import { DiscoveryServer } from '../serve/discovery-server.ts'
import { inboundPorts } from '../serve/inbound-ports.ts'
import { OnDemandGenerator } from '../serve/on-demand-generator.ts'
import { RegistrationFile } from '../serve/registration-file.ts'

/** Options of `inmesh standalone`. */
export interface StandaloneOptions {
  /** Folder with the YAML. */
  readonly config: string
  /** Addresses to serve xDS on. */
  readonly xds: readonly string[]
  /** Address of the admin server. */
  readonly admin: string
  /** Folder for what survives a restart; null chooses one by the configuration folder's path. */
  readonly state: string | null
  readonly log: Logger
}

/** A running standalone agent. */
export interface Standalone {
  /** Addresses with the ports that were given. */
  readonly xds: readonly string[]
  readonly admin: string
  close(): Promise<void>
}

/** Starts everything; resolves when xDS is served. Throws MeshError for options that can't be used. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { log } = options
  const clock = systemClock
  const xdsAddresses = options.xds.map((text) => parseAddress(text, '--xds'))
  const adminAddress = parseAddress(options.admin, '--admin')
  if (!statSync(options.config, { throwIfNoEntry: false })?.isDirectory()) {
    throw new MeshError('MESH_OPTION_INVALID', `--config ${options.config} is not a folder`, {
      hint: 'Give the folder that holds your YAML.',
    })
  }

  const metrics = new AgentMetrics()
  const store = new FileStore(options.config, { clock, log })
  const file = new RegistrationFile(options.state ?? defaultStateFolder(options.config), log)
  const generator = new OnDemandGenerator()
  let context: PushContext | null = null
  const registrations = new AutoRegistration({ clock, log, file, onChange: () => rebuild('registration') })
  const server = new DiscoveryServer({
    clock,
    log,
    statistics: metrics,
    generatorFor: () => generator,
    onConnected: (stream, proxy) => registrations.connect(stream, proxy),
    onListenersAsked: (stream, names) => registrations.listen(stream, inboundPorts(names)),
    onDisconnected: (stream) => registrations.disconnect(stream),
  })
  const rebuild = (trigger: 'config' | 'registration'): void => {
    if (context === null && trigger === 'registration') return
    context = createPushContext(store.state.objects, registrations.list(), context)
    metrics.rebuilt(trigger, store.state, context)
    server.push(context)
  }
  const admin = new AdminServer({ log, metrics, store, registrations, server, generator })

  const apply = (state: ConfigState): void => {
    reportProblems(state, log)
    rebuild('config')
  }
  apply(await store.start())
  store.onChange(apply)
  const adminUrl = await admin.listen(adminAddress)
  const xds: string[] = []
  for (const address of xdsAddresses) xds.push(await server.listen(address))
  log.info('serving', { config: options.config, objects: store.state.objects.length, xds, admin: adminUrl })

  return {
    xds,
    admin: adminUrl,
    async close() {
      await Promise.all([store.close(), server.close(), admin.close()])
      registrations.close()
    },
  }
}

/** Addresses when none are given: Istio's ports on loopback, and the socket that SDKs look for. */
export const STANDALONE_DEFAULTS: { readonly xds: readonly string[]; readonly admin: string } = {
  xds: ['unix:///run/inmesh/xds.sock', formatAddress({ kind: 'tcp', host: '127.0.0.1', port: 15_010 })],
  admin: formatAddress({ kind: 'tcp', host: '127.0.0.1', port: 15_014 }),
}

/** One folder per configuration folder, under /var/lib/inmesh where that is possible, else in the user's own state folder. */
function defaultStateFolder(config: string): string {
  const name = `standalone-${createHash('sha256').update(realpathSync(config)).digest('hex').slice(0, 12)}`
  try {
    mkdirSync('/var/lib/inmesh', { recursive: true, mode: 0o700 })
    accessSync('/var/lib/inmesh', constants.W_OK)
    return join('/var/lib/inmesh', name)
  } catch {
    return join(homedir(), '.local', 'state', 'inmesh', name)
  }
}
