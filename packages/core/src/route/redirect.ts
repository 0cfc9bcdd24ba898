// Redirects (config/route/v3 RedirectAction): the request's own URL with parts replaced.
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../exchange/head.ts'
import { Reply } from '../exchange/reply.ts'
import type { RedirectAction, RouteMatch } from '../resources/route-configuration.ts'
import { withHeaders } from './direct-response.ts'
import type { HeaderMutation } from './header-mutation.ts'
import { compilePathRewrite, type PathRewrite } from './rewrite.ts'
import type { ReplyAction } from './route.ts'

/** Compiles a redirect; `match` says which part of the path a prefix rewrite replaces. */
export function compileRedirect(
  action: RedirectAction,
  match: RouteMatch['path'],
  headers: HeaderMutation | null,
): ReplyAction {
  return new Redirect(action, compilePathRewrite(match, action.prefixRewrite, action.regexRewrite), headers)
}

class Redirect implements ReplyAction {
  readonly kind = 'reply'
  readonly #action: RedirectAction
  readonly #rewrite: PathRewrite | null
  readonly #headers: HeaderMutation | null

  constructor(action: RedirectAction, rewrite: PathRewrite | null, headers: HeaderMutation | null) {
    this.#action = action
    this.#rewrite = rewrite
    this.#headers = headers
  }

  reply(x: Exchange): Reply {
    const { request } = x
    const scheme = this.#action.scheme ?? request.scheme
    const port = this.#action.port === null ? '' : `:${this.#action.port}`
    const host = this.#action.host ?? hostOf(request, scheme, port !== '')
    const location = `${scheme}://${host}${port}${this.#path(request)}`
    return withHeaders(
      new Reply(this.#action.status, '', 0, 'direct_response', ['location', location]),
      this.#headers,
      x,
    )
  }

  #path(request: RequestHead): string {
    const { path, stripQuery } = this.#action
    // A query that the new path brings wins, and is not stripped.
    if (path?.includes('?') === true) return path
    const current = this.#rewrite?.rewrite(request.path) ?? request.path
    const query = current.indexOf('?')
    const whole = path === null ? current : path + (query < 0 ? '' : current.slice(query))
    const end = whole.indexOf('?')
    return stripQuery && end >= 0 ? whole.slice(0, end) : whole
  }
}

/** The request's host: without its port when another takes its place, or when the scheme changes and the port was the old one's default. */
function hostOf(request: RequestHead, scheme: string, hasNewPort: boolean): string {
  const { authority } = request
  const bracket = authority[0] === '[' ? authority.lastIndexOf(']:') : -1
  const colon = authority[0] === '[' ? (bracket < 0 ? -1 : bracket + 1) : authority.lastIndexOf(':')
  if (colon < 0) return authority
  const port = authority.slice(colon)
  const defaultPort = request.scheme === 'http' ? ':80' : ':443'
  return hasNewPort || (scheme !== request.scheme && port === defaultPort) ? authority.slice(0, colon) : authority
}
