// The program `inmesh`: parses the command line and runs one command. Exit codes: 0 done, 64 usage, 1 anything else.
import { createRequire } from 'node:module'
import { MeshError } from '@inmesh/core'
import { Command, CommanderError } from 'commander'
import { addStandaloneCommand } from './standalone.ts'

/** Runs the program with these arguments (without node and script). Sets process.exitCode. */
export async function main(args: readonly string[]): Promise<void> {
  const program = new Command('inmesh')
  program
    .description('the control plane of the embedded service mesh for Node.js')
    .version(version(), '-V, --version', 'print the version')
    .showHelpAfterError('(inmesh --help lists the commands)')
    .exitOverride()
  addStandaloneCommand(program)
  for (const command of program.commands) command.exitOverride()
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE
      return
    }
    const mesh = MeshError.from(error)
    process.stderr.write(`inmesh: ${mesh.message}${mesh.hint === null ? '' : `\n${mesh.hint}`}\n`)
    process.exit(mesh.code === 'MESH_OPTION_INVALID' ? USAGE : 1)
  }
}

function version(): string {
  const read = createRequire(import.meta.url)('../../package.json') as { version: string }
  return read.version
}

// sysexits.h EX_USAGE, as istioctl.
const USAGE = 64
