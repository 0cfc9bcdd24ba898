// `inmesh standalone`: everything on one machine.
import type { Command } from 'commander'
import { STANDALONE_DEFAULTS, startStandalone } from '../roles/standalone.ts'
import { agentLogger } from './logger.ts'

/** Adds the command. */
export function addStandaloneCommand(program: Command): void {
  program
    .command('standalone')
    .description('read a folder of Istio YAML and serve it over xDS to the workloads of this machine')
    .requiredOption('--config <dir>', 'folder with the YAML; it is watched')
    .option(
      '--xds <addr>',
      `address to serve xDS on, unix:///path or host:port; may be given several times (default: ${STANDALONE_DEFAULTS.xds.join(', ')})`,
      collect,
    )
    .option('--admin <addr>', 'address of readiness, config dump and metrics', STANDALONE_DEFAULTS.admin)
    .option('--state <dir>', 'folder for what survives a restart (default: one under /var/lib/inmesh)')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .action(async (options: { config: string; xds?: string[]; admin: string; state?: string; logLevel: string }) => {
      const log = agentLogger(options.logLevel)
      // What the agent creates, sockets above all, is for its user alone from the first moment.
      process.umask(0o077)
      const standalone = await startStandalone({
        config: options.config,
        xds: options.xds ?? STANDALONE_DEFAULTS.xds,
        admin: options.admin,
        state: options.state ?? null,
        log,
      })
      const stop = (signal: NodeJS.Signals): void => {
        log.info(`stopping on ${signal}`)
        standalone.close().then(
          () => process.exit(0),
          () => process.exit(1),
        )
      }
      process.once('SIGTERM', stop)
      process.once('SIGINT', stop)
    })
}

function collect(value: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), value]
}
