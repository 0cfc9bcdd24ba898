// The filters of one HTTP connection manager, ordered by phase: request forwards, response backwards, completion forwards
// (Envoy's decoder and encoder filter chains). Each phase holds only the filters that have it.
import type { CompiledRoute } from '../route/route.ts'
import type { Logger } from '../runtime/log.ts'
import type { Exchange } from './exchange.ts'
import type { HeaderMap } from './header-map.ts'
import type { HttpFilter } from './http-filter.ts'
import { Reply } from './reply.ts'

/** Chooses a request's route: a route table, or what stands for one. */
export interface RouteChooser {
  match(x: Exchange): CompiledRoute | null
}

/** Runs filters. A fault in a filter is logged and never leaves the chain. */
export class HttpFilterChain {
  readonly #request: readonly RequestFilter[]
  readonly #response: readonly ResponseFilter[]
  readonly #trailers: readonly TrailersFilter[]
  readonly #complete: readonly CompleteFilter[]
  readonly #log: Logger

  constructor(filters: readonly HttpFilter[], log: Logger) {
    this.#request = filters.filter((f): f is RequestFilter => f.onRequest !== undefined)
    this.#response = filters.filter((f): f is ResponseFilter => f.onResponse !== undefined).reverse()
    this.#trailers = filters.filter((f): f is TrailersFilter => f.onTrailers !== undefined).reverse()
    this.#complete = filters.filter((f): f is CompleteFilter => f.onComplete !== undefined)
    this.#log = log
  }

  /**
   * The request phase: synchronous until a filter waits. A Reply ends it. A filter that called `x.clearRoute()` has the
   * route chosen again from `routes` before the next filter runs, and after the last one. The promise never rejects.
   */
  onRequest(x: Exchange, routes: RouteChooser): Reply | undefined | Promise<Reply | undefined> {
    return this.#run(x, routes, 0)
  }

  /** The response phase, in reverse order, over `x.response`. */
  onResponse(x: Exchange): void {
    const filters = this.#response
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i] as ResponseFilter
      try {
        filter.onResponse(x)
      } catch (error) {
        this.#report(filter, 'onResponse', error)
      }
    }
  }

  /** Trailers have come, in reverse order. */
  onTrailers(x: Exchange, trailers: HeaderMap): void {
    const filters = this.#trailers
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i] as TrailersFilter
      try {
        filter.onTrailers(x, trailers)
      } catch (error) {
        this.#report(filter, 'onTrailers', error)
      }
    }
  }

  /** The request is over. The caller sees to it that this happens once. */
  onComplete(x: Exchange): void {
    const filters = this.#complete
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i] as CompleteFilter
      try {
        filter.onComplete(x)
      } catch (error) {
        this.#report(filter, 'onComplete', error)
      }
    }
  }

  #run(x: Exchange, routes: RouteChooser, from: number): Reply | undefined | Promise<Reply | undefined> {
    const filters = this.#request
    for (let i = from; i < filters.length; i++) {
      const filter = filters[i] as RequestFilter
      let answer: Reply | undefined | Promise<Reply | undefined>
      try {
        answer = filter.onRequest(x)
      } catch (error) {
        answer = this.#fault(filter, error)
      }
      if (answer !== undefined) return answer instanceof Reply ? answer : this.#wait(answer, x, routes, i)
      if (x.routeCleared) chooseAgain(x, routes)
    }
    return undefined
  }

  async #wait(
    waiting: Promise<Reply | undefined>,
    x: Exchange,
    routes: RouteChooser,
    at: number,
  ): Promise<Reply | undefined> {
    let reply: Reply | undefined
    try {
      reply = await waiting
    } catch (error) {
      reply = this.#fault(this.#request[at] as RequestFilter, error)
    }
    // A caller that has gone away meanwhile needs no further filters.
    if (reply !== undefined || x.completedAt !== 0) return reply
    if (x.routeCleared) chooseAgain(x, routes)
    return this.#run(x, routes, at + 1)
  }

  #fault(filter: HttpFilter, error: unknown): Reply | undefined {
    this.#report(filter, 'onRequest', error)
    return filter.failClosed === true ? internalError : undefined
  }

  #report(filter: HttpFilter, phase: string, error: unknown): void {
    this.#log.error(`HTTP filter "${filter.name}" failed in ${phase}`, {
      error: error instanceof Error ? error.stack : String(error),
    })
  }
}

/** The answer to a fault of ours: 500, details `mesh_internal_error`. */
export const internalError: Reply = new Reply(500, 'mesh internal error', 0, 'mesh_internal_error')

function chooseAgain(x: Exchange, routes: RouteChooser): void {
  x.routeCleared = false
  x.route = routes.match(x)
}

type RequestFilter = HttpFilter & Required<Pick<HttpFilter, 'onRequest'>>
type ResponseFilter = HttpFilter & Required<Pick<HttpFilter, 'onResponse'>>
type TrailersFilter = HttpFilter & Required<Pick<HttpFilter, 'onTrailers'>>
type CompleteFilter = HttpFilter & Required<Pick<HttpFilter, 'onComplete'>>
