// Routes that answer by themselves (config/route/v3 DirectResponseAction), and those whose action we can't carry out.
import type { Exchange } from '../exchange/exchange.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { Reply } from '../exchange/reply.ts'
import type { DirectResponseAction, UnsupportedAction } from '../resources/route-configuration.ts'
import type { HeaderMutation } from './header-mutation.ts'
import type { ReplyAction } from './route.ts'

/** Answers with the same reply every time. */
export function compileDirectResponse(action: DirectResponseAction, headers: HeaderMutation | null): ReplyAction {
  const body = action.body === null ? '' : Buffer.from(action.body).toString()
  return new FixedReply(new Reply(action.status, body, 0, 'direct_response'), headers)
}

/** Differs from Envoy, which knows every action: 500, so that no later route takes the request. */
export function compileUnsupported({ what }: UnsupportedAction): ReplyAction {
  return new FixedReply(new Reply(500, `route action ${what} is not supported`, 0, 'route_action_not_supported'), null)
}

/** The reply with the header changes of its route. */
export function withHeaders(reply: Reply, headers: HeaderMutation | null, x: Exchange): Reply {
  if (headers === null) return reply
  const map = new HeaderMap([...reply.headers])
  headers.apply(map, x)
  return new Reply(reply.status, reply.body, reply.flag, reply.details, map.flat, reply.grpcStatus)
}

class FixedReply implements ReplyAction {
  readonly kind = 'reply'
  readonly #reply: Reply
  readonly #headers: HeaderMutation | null

  constructor(reply: Reply, headers: HeaderMutation | null) {
    this.#reply = reply
    this.#headers = headers
  }

  reply(x: Exchange): Reply {
    return withHeaders(this.#reply, this.#headers, x)
  }
}
