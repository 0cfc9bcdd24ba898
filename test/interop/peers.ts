// Tests against foreign programs: they run when the program is there and say so when not; INMESH_PEERS=required turns a
// missing one into a failure.
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { PEER_PATHS, type PeerName } from '../../tools/peer-paths.ts'

/** A suite that needs a peer; `suite` gets the path of its program. */
export function describeWithPeer(name: PeerName, title: string, suite: (program: string) => void): void {
  const program = PEER_PATHS[name]
  if (existsSync(program)) {
    describe(`${title} (${name})`, () => suite(program))
    return
  }
  if (process.env['INMESH_PEERS'] === 'required') {
    test(`${title}: ${name} is installed`, () => expect.fail(`${program} is missing: run "npm run peers"`))
    return
  }
  describe.skip(`${title} (${name} is not installed: run "npm run peers")`, () => {
    test('needs the peer', () => {})
  })
}
