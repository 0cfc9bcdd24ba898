// What a route does to a request before it leaves, as one step: Envoy changes headers first, then the host, then the path.
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../exchange/head.ts'
import type { HeaderMutation } from './header-mutation.ts'
import { type PathRewrite, rewriteHost, rewritePath } from './rewrite.ts'
import type { ForwardAction } from './route.ts'

/** The parts of a request mutation; null where there is nothing to do. */
export interface RequestMutationParts {
  readonly headers: HeaderMutation | null
  readonly host: string | null
  readonly appendForwardedHost: boolean
  readonly path: PathRewrite | null
}

/** The mutation as routes carry it; null when no part does anything. */
export function compileRequestMutation(parts: RequestMutationParts): ForwardAction['requestMutation'] {
  const { headers, host, appendForwardedHost, path } = parts
  if (headers === null && host === null && path === null) return null
  return (head: RequestHead, x: Exchange): void => {
    if (headers !== null) headers.apply(head.headers, x)
    if (host !== null) rewriteHost(head, host, appendForwardedHost)
    if (path !== null) rewritePath(path, head)
  }
}
