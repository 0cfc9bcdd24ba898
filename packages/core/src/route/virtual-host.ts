// A virtual host, compiled: its routes in order, each with what it matches and what it does (config/route/v3 VirtualHost).
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../exchange/head.ts'
import { matchesFraction } from '../match/fraction.ts'
import { HeaderMatcher, matchesAllHeaders } from '../match/header.ts'
import { PathMatcher } from '../match/path.ts'
import { QueryParameterMatcher } from '../match/query.ts'
import type { Fraction } from '../resources/matchers.ts'
import type { Route, RouteMatch, VirtualHost } from '../resources/route-configuration.ts'
import { compileRoute, type RouteCompilation, type RouteVariants } from './compile-route.ts'
import type { CompiledRoute } from './route.ts'

/** A compiled virtual host. It is used again as long as its resource and what it was compiled under stay the same. */
export class CompiledVirtualHost {
  readonly resource: VirtualHost
  readonly #routes: readonly RouteEntry[]

  constructor(resource: VirtualHost, compilation: RouteCompilation) {
    this.resource = resource
    this.#routes = resource.routes.map((route) => new RouteEntry(route, compileRoute(route, resource, compilation)))
  }

  /** The first route that matches; null for none. `end` is where the path's query begins. */
  match(x: Exchange, end: number): CompiledRoute | null {
    const routes = this.#routes
    for (let i = 0; i < routes.length; i++) {
      const route = routes[i] as RouteEntry
      if (route.matches(x, end)) return route.variants.of(x)
    }
    return null
  }

  /** Every compiled route, for dumps. */
  get routes(): readonly RouteVariants[] {
    return this.#routes.map(({ variants }) => variants)
  }
}

/** One route's conditions, cheapest first. */
class RouteEntry {
  readonly variants: RouteVariants
  readonly #path: PathMatcher
  readonly #headers: readonly HeaderMatcher[]
  readonly #query: readonly QueryParameterMatcher[]
  readonly #fraction: Fraction | null
  readonly #grpc: boolean
  readonly #simple: boolean

  constructor({ match }: Route, variants: RouteVariants) {
    this.variants = variants
    this.#path = new PathMatcher(match.path, match.caseSensitive)
    this.#headers = match.headers.map((header) => new HeaderMatcher(header))
    this.#query = match.queryParameters.map((parameter) => new QueryParameterMatcher(parameter))
    this.#fraction = match.fraction
    this.#grpc = match.grpc
    this.#simple = isSimple(match)
  }

  matches(x: Exchange, end: number): boolean {
    const head = x.request
    if (!this.#path.matches(head.path, end, head.method)) return false
    return this.#simple || this.#matchesRest(x, head, end)
  }

  #matchesRest(x: Exchange, head: RequestHead, end: number): boolean {
    if (this.#fraction !== null && !matchesFraction(this.#fraction, x.random)) return false
    if (this.#grpc && !isGrpc(head)) return false
    if (!matchesAllHeaders(this.#headers, head)) return false
    for (let i = 0; i < this.#query.length; i++)
      if (!(this.#query[i] as QueryParameterMatcher).matches(head.path, end)) return false
    return true
  }
}

function isSimple(match: RouteMatch): boolean {
  return match.headers.length === 0 && match.queryParameters.length === 0 && match.fraction === null && !match.grpc
}

/** Envoy: content-type is application/grpc, alone or with a suffix after `+`. */
function isGrpc(head: RequestHead): boolean {
  const type = head.headers.get('content-type')
  return type === 'application/grpc' || type?.startsWith('application/grpc+') === true
}
