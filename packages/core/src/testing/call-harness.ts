// What the tests of outbound calls stand on: a manager over real clusters and filters, a clock that stands still, and a
// sink that writes down what it is told.
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { HttpFilterChain } from '../exchange/http-filter-chain.ts'
import type { Reply } from '../exchange/reply.ts'
import { responseFlagsText } from '../exchange/response-flag.ts'
import { compileRetryPolicy } from '../resilience/compile-retry-policy.ts'
import type { Cluster } from '../resources/cluster.ts'
import type { RetryPolicy as RetryPolicyResource } from '../resources/route-configuration.ts'
import type { ClusterChoice, CompiledAction, CompiledRoute, ForwardAction } from '../route/route.ts'
import { seededRandom } from '../runtime/random.ts'
import { decodedAssignment, decodedCluster } from './decoded-resources.ts'
import { FakeClock } from './fake-clock.ts'
import type { Attempt } from '../router/attempt.ts'
import type { AttemptSink } from '../router/attempt-sink.ts'
import { LiveCluster } from '../router/live-cluster.ts'
import { OutboundHttpCall } from '../router/outbound-http-call.ts'
import type { OutboundManager } from '../router/outbound-manager.ts'

/** Writes down what core asks of an adapter. */
export class RecordingSink implements AttemptSink {
  readonly attempts: Attempt[] = []
  readonly cancelled: Attempt[] = []
  /** The state in which each attempt was when it was cancelled. */
  readonly cancelledIn: string[] = []
  readonly replies: { readonly reply: Reply; readonly head: ResponseHead }[] = []
  /** Runs inside of `start`, as an adapter that fails at once would. */
  onStart: (attempt: Attempt) => void = () => {}
  onCancel: (attempt: Attempt) => void = () => {}

  start(attempt: Attempt): void {
    this.attempts.push(attempt)
    this.onStart(attempt)
  }

  startShadow(): void {}

  cancel(attempt: Attempt): void {
    this.cancelled.push(attempt)
    this.cancelledIn.push(attempt.state)
    this.onCancel(attempt)
  }

  reply(reply: Reply, head: ResponseHead): void {
    this.replies.push({ reply, head })
  }

  /** The attempt started last. */
  get last(): Attempt {
    const attempt = this.attempts.at(-1)
    if (attempt === undefined) throw new Error('no attempt was started')
    return attempt
  }
}

/** What a test says of its route and its cluster. */
export interface HarnessOptions {
  readonly timeoutMs?: number
  readonly retry?: Partial<RetryPolicyResource>
  readonly includeAttemptCount?: boolean
  readonly action?: CompiledAction
  /** Null: no route matches. */
  readonly route?: null
  readonly forward?: Partial<ForwardAction>
  readonly choice?: Partial<ClusterChoice>
  readonly cluster?: Partial<Cluster>
  /** Addresses of the cluster's endpoints; two unless given. */
  readonly endpoints?: readonly string[]
  readonly noCluster?: true
  readonly filters?: readonly HttpFilter[]
}

/** One manager, one cluster `reviews`, and calls through them. */
export class CallHarness {
  readonly clock: FakeClock = new FakeClock()
  readonly cluster: LiveCluster
  readonly completed: Exchange[] = []
  readonly errors: string[] = []
  readonly manager: OutboundManager

  constructor(options: HarnessOptions = {}) {
    const random = seededRandom(5)
    const log = { debug() {}, info() {}, warn() {}, error: (message: string) => void this.errors.push(message) }
    this.cluster = new LiveCluster(decodedCluster('reviews', options.cluster), { clock: this.clock, random, log })
    const endpoints = options.endpoints ?? ['10.0.0.1', '10.0.0.2']
    this.cluster.setEndpoints(decodedAssignment(endpoints.map((address) => ({ address }))))
    const route = options.route === null ? null : testRoute(options)
    this.manager = {
      routes: { match: () => route },
      filters: new HttpFilterChain(options.filters ?? [], log),
      clusters: { find: (name) => (name === 'reviews' && options.noCluster !== true ? this.cluster : null) },
      clock: this.clock,
      random,
      log,
      target: { host: 'reviews', port: 80 },
      onComplete: (x) => void this.completed.push(x),
    }
  }

  /** A call that has not begun. */
  call(...fields: string[]): { call: OutboundHttpCall; sink: RecordingSink; x: Exchange } {
    const sink = new RecordingSink()
    const head = new RequestHead('GET', 'http', 'reviews', '/', new HeaderMap(fields))
    const call = new OutboundHttpCall(this.manager, head, sink)
    return { call, sink, x: call.exchange }
  }

  /** A call that has begun and whose request has no body. */
  begun(...fields: string[]): { call: OutboundHttpCall; sink: RecordingSink; x: Exchange } {
    const made = this.call(...fields)
    made.call.begin()
    made.call.onRequestComplete()
    return made
  }

  /** Requests under way, by the endpoints' own counters. */
  get active(): number {
    return this.cluster.describe().endpoints.reduce((sum, endpoint) => sum + endpoint.active, 0)
  }

  /** Everything that a call holds while it runs; all zero when none runs. */
  get held(): readonly number[] {
    const { active, pending, activeRetries } = this.cluster.circuitBreaker
    return [this.active, active, pending, activeRetries]
  }
}

/** A response head. */
export function answer(status: number, ...fields: string[]): ResponseHead {
  return new ResponseHead(status, new HeaderMap(fields))
}

/** Flags of a completed exchange by their short names. */
export function flagsOf(x: Exchange): string {
  return responseFlagsText(x.flags)
}

/** Hosts of attempts, in order. */
export function hostsOf(attempts: readonly { readonly endpoint: Endpoint }[]): string[] {
  return attempts.map((attempt) => attempt.endpoint.address)
}

function testRoute(options: HarnessOptions): CompiledRoute {
  const choice: ClusterChoice = {
    cluster: 'reviews',
    requestMutation: null,
    responseMutation: null,
    ...options.choice,
  }
  return {
    name: 'test',
    origin: { type: 'RouteConfiguration', name: 'test', version: '1', config: null },
    virtualHost: 'reviews',
    metadata: {},
    decoratorOperation: null,
    overrides: [],
    includeAttemptCount: options.includeAttemptCount ?? false,
    action: options.action ?? {
      kind: 'forward',
      chooseCluster: () => choice,
      timeoutMs: options.timeoutMs ?? 0,
      retryPolicy: options.retry === undefined ? null : compileRetryPolicy({ ...NO_RETRIES, ...options.retry }),
      requestMutation: null,
      responseMutation: null,
      ...options.forward,
    },
  }
}

const NO_RETRIES: RetryPolicyResource = {
  retryOn: [],
  numRetries: 1,
  perTryTimeoutMs: null,
  retriableStatusCodes: [],
  retriableHeaders: [],
  backOff: { baseMs: 25, maxMs: 250 },
  previousHosts: false,
  hostSelectionMaxAttempts: 5,
}
