// Where the foreign programs that tests run against are kept: a cache folder of the user's, shared by all checkouts.
import { homedir } from 'node:os'
import { join } from 'node:path'

/** The folder that `npm run peers` fills. INMESH_PEERS_DIR puts it elsewhere. */
export const peersFolder: string =
  process.env['INMESH_PEERS_DIR'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'inmesh', 'peers')

/** Versions: what the tests were written against. */
export const PEER_VERSIONS = { envoy: '1.40.0', node22: '22.23.2', node24: '24.21.0' } as const

/** Path of each peer's program. */
export const PEER_PATHS = {
  envoy: join(peersFolder, `envoy-${PEER_VERSIONS.envoy}`, 'envoy'),
  'go-control-plane': join(peersFolder, 'go-control-plane'),
  node22: join(peersFolder, `node-${PEER_VERSIONS.node22}`, 'node_modules', '.bin', 'node'),
  node24: join(peersFolder, `node-${PEER_VERSIONS.node24}`, 'node_modules', '.bin', 'node'),
} as const

export type PeerName = keyof typeof PEER_PATHS
