// Path and host rewrites of a route (config/route/v3 RouteAction). The path as it came is kept in x-envoy-original-path, as
// Envoy does; access logs read it.
import type { RequestHead } from '../exchange/head.ts'
import { pathEnd } from '../match/path.ts'
import type { RegexRewrite, RouteMatch } from '../resources/route-configuration.ts'
import { compileRegex, type Regex } from '../resources/regex.ts'

/** Rewrites a path without changing the request. */
export interface PathRewrite {
  /** The new path with the old query; null when nothing is rewritten. */
  rewrite(path: string): string | null
}

/** What a route does to paths; null when it has no rewrite. */
export function compilePathRewrite(
  match: RouteMatch['path'],
  prefixRewrite: string | null,
  regexRewrite: RegexRewrite | null,
): PathRewrite | null {
  if (prefixRewrite !== null) return new PrefixRewrite(match, prefixRewrite)
  if (regexRewrite === null) return null
  const regex = compileRegex(regexRewrite.pattern)
  return typeof regex === 'string' ? null : new RegexPathRewrite(regex, regexRewrite.substitution)
}

/** Puts a path rewrite into force. */
export function rewritePath(rewrite: PathRewrite, head: RequestHead): void {
  const path = rewrite.rewrite(head.path)
  if (path === null) return
  head.headers.set('x-envoy-original-path', head.path)
  head.path = path
}

/** Gives a request another authority; the old one goes to x-forwarded-host where `keepForwardedHost` says so. */
export function rewriteHost(head: RequestHead, host: string, keepForwardedHost: boolean): void {
  if (keepForwardedHost && head.authority !== host) head.headers.append('x-forwarded-host', head.authority)
  head.authority = host
}

// Envoy: what matched is replaced, which for an exact path, a regex and CONNECT is the whole path without its query.
class PrefixRewrite implements PathRewrite {
  readonly #matched: number | null
  readonly #replacement: string

  constructor(match: RouteMatch['path'], replacement: string) {
    this.#matched =
      match.kind === 'prefix' || match.kind === 'path_separated_prefix' || match.kind === 'exact'
        ? match.value.length
        : null
    this.#replacement = replacement
  }

  rewrite(path: string): string {
    return this.#replacement + path.slice(this.#matched ?? pathEnd(path))
  }
}

class RegexPathRewrite implements PathRewrite {
  readonly #regex: Regex
  readonly #substitution: string

  constructor(regex: Regex, substitution: string) {
    this.#regex = regex
    this.#substitution = substitution
  }

  rewrite(path: string): string | null {
    const end = pathEnd(path)
    const rewritten = this.#regex.replaceAll(path.slice(0, end), this.#substitution)
    return rewritten === '' ? null : rewritten + path.slice(end)
  }
}
