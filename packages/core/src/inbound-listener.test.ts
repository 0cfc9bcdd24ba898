import { describe, expect, test } from 'vitest'
import type { CompiledInbound } from './config/compile-listener.ts'
import type { Connection } from './exchange/connection.ts'
import { RequestHead } from './exchange/head.ts'
import { HeaderMap } from './exchange/header-map.ts'
import { HttpFilterChain } from './exchange/http-filter-chain.ts'
import { Reply } from './exchange/reply.ts'
import type { InboundManager } from './inbound-http-call.ts'
import { InboundListener } from './inbound-listener.ts'
import type { CompiledRoute } from './route/route.ts'
import { silentLogger } from './runtime/log.ts'
import { seededRandom } from './runtime/random.ts'
import { FakeClock } from './testing/fake-clock.ts'

describe('an inbound listener', () => {
  test('closes a connection that no filter chain matches', () => {
    expect(new InboundListener(compiled('a', null)).accept(connection)).toBeNull()
  })

  test('decides each request on an open connection by the configuration of that time', () => {
    const listener = new InboundListener(compiled('a', manager(200)))
    const open = listener.accept(connection)
    expect(status(open)).toBe(200)
    listener.update(compiled('a', manager(201)))
    expect(status(open)).toBe(201)
  })

  test('lets no request in on a connection that no filter chain matches any more', () => {
    const listener = new InboundListener(compiled('a', manager(200)))
    const open = listener.accept(connection)
    listener.update(compiled('b', null))
    expect(status(open)).toBe(404)
  })

  test('has its connections closed once when what admits them has changed, and only then', () => {
    const listener = new InboundListener(compiled('a', manager(200)))
    let closed = 0
    const close = () => void closed++
    const registrations = [
      listener.onPolicyChange(close),
      listener.onPolicyChange(close),
      listener.onPolicyChange(close),
    ]
    registrations[2]?.cancel()
    listener.update(compiled('a', manager(201)))
    expect(closed).toBe(0)
    listener.update(compiled('b', manager(201)))
    expect(closed).toBe(2)
    listener.update(compiled('c', manager(201)))
    expect(closed).toBe(2)
  })
})

const connection = {} as Connection

function compiled(admission: string, of: InboundManager | null): CompiledInbound {
  return { admission, match: () => of, refusing: manager(null), managers: new Map() }
}

/** A manager that answers everything with a status; null: it has no route. */
function manager(status: number | null): InboundManager {
  const reply = new Reply(status ?? 0, '', 0, 'test')
  const route = { name: 'r', action: { kind: 'reply', reply: () => reply } } as unknown as CompiledRoute
  return {
    routes: { match: () => (status === null ? null : route) },
    filters: new HttpFilterChain([], silentLogger),
    clusters: { find: () => null },
    clock: new FakeClock(),
    random: seededRandom(1),
    log: silentLogger,
    onComplete() {},
  }
}

function status(open: ReturnType<InboundListener['accept']>): number {
  const answer = open?.call(new RequestHead('GET', 'http', 'here', '/', new HeaderMap())).begin()
  if (answer === undefined || answer === 'continue' || answer instanceof Promise) throw new Error('expected a reply')
  return answer.head.status
}
