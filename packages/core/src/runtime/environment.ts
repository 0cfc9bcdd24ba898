// The process's surroundings, read in one place: environment variables and what the machine says of itself.
import { hostname, networkInterfaces } from 'node:os'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** What the machine says of itself. */
export interface HostFacts {
  readonly hostName: string
  /** Addresses that others may reach, IPv4 first; without loopback and link-local ones. */
  readonly addresses: readonly string[]
}

/** Reads both, as they are now. */
export function readEnvironment(): { readonly env: Environment; readonly host: HostFacts } {
  return { env: { ...process.env }, host: { hostName: hostname(), addresses: hostAddresses() } }
}

function hostAddresses(): string[] {
  const all = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((a) => !a.internal && !a.address.startsWith('fe80:') && !a.address.startsWith('169.254.'))
  const ofFamily = (family: string): string[] => all.filter((a) => a.family === family).map((a) => a.address)
  return [...ofFamily('IPv4'), ...ofFamily('IPv6')]
}
