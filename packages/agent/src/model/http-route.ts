// HTTPRoute of a VirtualService: what happens with the requests that match (istio.io, networking, VirtualService).
import { z } from 'zod'
import {
  anything,
  duration,
  hostName,
  integer,
  list,
  map,
  message,
  oneOf,
  optional,
  port,
  regex,
  text,
} from './field.ts'
import { HEADER_NAME, httpMatch, type HttpMatch } from './http-match.ts'
import { httpRetry, type HttpRetry } from './http-retry.ts'

/** `Destination`. */
export interface Destination {
  readonly host: string
  /** '' for the whole service. */
  readonly subset: string
  /** Port of the service; null when it has only one. */
  readonly port: number | null
}

/** `HTTPRouteDestination`. */
export interface RouteDestination {
  readonly destination: Destination
  /** Null is not given: all of the traffic for a single destination, none for one of several. */
  readonly weight: number | null
  readonly headers: Headers | null
}

/** `Headers.HeaderOperations`. */
export interface HeaderOperations {
  readonly set: Readonly<Record<string, string>>
  readonly add: Readonly<Record<string, string>>
  readonly remove: readonly string[]
}

/** `Headers`. */
export interface Headers {
  readonly request: HeaderOperations | null
  readonly response: HeaderOperations | null
}

/** `HTTPRewrite`. */
export interface Rewrite {
  readonly uri: string
  readonly authority: string
  readonly uriRegexRewrite: { readonly match: string; readonly rewrite: string } | null
}

/** `HTTPRedirect`. */
export interface Redirect {
  readonly uri: string
  readonly authority: string
  readonly port: number | null
  readonly derivePort: 'FROM_PROTOCOL_DEFAULT' | 'FROM_REQUEST_PORT' | null
  readonly scheme: string
  readonly redirectCode: number
}

/** `HTTPDirectResponse`. */
export interface DirectResponse {
  readonly status: number
  /** Null for no body. */
  readonly body: { readonly text: string } | { readonly base64: string } | null
}

/** `HTTPRoute`; durations in milliseconds. Of the fields of type unknown nothing is read yet. */
export interface HttpRoute {
  readonly name: string
  /** Empty matches everything; otherwise one of them has to. */
  readonly match: readonly HttpMatch[]
  readonly route: readonly RouteDestination[]
  readonly redirect: Redirect | null
  readonly directResponse: DirectResponse | null
  readonly delegate: unknown
  readonly rewrite: Rewrite | null
  /** Null and 0 are no timeout. */
  readonly timeout: number | null
  readonly retries: HttpRetry | null
  readonly fault: unknown
  readonly mirror: unknown
  readonly mirrorPercent: unknown
  readonly mirrorPercentage: unknown
  readonly mirrors: unknown
  readonly corsPolicy: unknown
  readonly headers: Headers | null
}

/** Schema of `Destination`. */
export const destination: z.ZodType<Destination, unknown> = message({
  host: hostName(false),
  subset: text,
  port: optional(message({ number: port })),
}).transform(({ host, subset, port: selector }) => ({ host, subset, port: selector?.number ?? null })) as never

const headerName = z.string().refine((name) => HEADER_NAME.test(name), {
  error: (issue) => `"${String(issue.input)}" is not a header name`,
})
const headerMap = map(z.string()).superRefine((headers, ctx) => {
  for (const name of Object.keys(headers)) {
    if (!HEADER_NAME.test(name)) {
      ctx.addIssue({ code: 'custom', path: [name], message: `"${name}" is not a header name` })
    }
  }
})
const operations: z.ZodType<HeaderOperations> = message({ set: headerMap, add: headerMap, remove: list(headerName) })
const headers: z.ZodType<Headers> = message({ request: optional(operations), response: optional(operations) })

const routeDestination: z.ZodType<RouteDestination> = message({
  destination,
  weight: optional(integer(0)),
  headers: optional(headers),
})

const rewrite: z.ZodType<Rewrite> = message({
  uri: text,
  authority: text,
  uriRegexRewrite: optional(message({ match: regex, rewrite: text })),
}).superRefine((given, ctx) => {
  if (given.uri === '' && given.authority === '' && given.uriRegexRewrite === null) {
    ctx.addIssue({ code: 'custom', message: 'is empty: give uri, uriRegexRewrite or authority' })
  }
  if (given.uri !== '' && given.uriRegexRewrite !== null) {
    ctx.addIssue({ code: 'custom', path: ['uri'], message: 'stands beside uriRegexRewrite: give one of them' })
  }
})

const redirect: z.ZodType<Redirect> = message({
  uri: text,
  authority: text,
  port: optional(port),
  derivePort: optional(oneOf('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT')),
  scheme: text,
  redirectCode: optional(z.number()),
})
  .superRefine((given, ctx) => {
    if (given.redirectCode !== null && !REDIRECT_CODES.includes(given.redirectCode)) {
      ctx.addIssue({ code: 'custom', path: ['redirectCode'], message: `must be one of ${REDIRECT_CODES.join(', ')}` })
    }
    if (given.port !== null && given.derivePort !== null) {
      ctx.addIssue({ code: 'custom', path: ['port'], message: 'stands beside derivePort: give one of them' })
    }
    if (given.scheme !== '' && given.scheme !== 'http' && given.scheme !== 'https') {
      ctx.addIssue({ code: 'custom', path: ['scheme'], message: 'must be http or https' })
    }
  })
  .transform((given) => ({ ...given, redirectCode: given.redirectCode ?? 301 })) as never

const directResponse: z.ZodType<DirectResponse> = message({
  status: integer(200, 599),
  body: optional(message({ string: optional(z.string()), bytes: optional(z.string()) })),
}).transform(({ status, body }) => {
  if (body === null) return { status, body: null }
  if (body.string !== null) return { status, body: { text: body.string } }
  return { status, body: { base64: body.bytes ?? '' } }
}) as never

/** Schema of `HTTPRoute`. */
export const httpRoute: z.ZodType<HttpRoute, unknown> = message({
  name: text,
  match: list(httpMatch),
  route: list(routeDestination),
  redirect: optional(redirect),
  directResponse: optional(directResponse),
  delegate: anything,
  rewrite: optional(rewrite),
  timeout: optional(duration(0)),
  retries: optional(httpRetry),
  fault: anything,
  mirror: anything,
  mirrorPercent: anything,
  mirrorPercentage: anything,
  mirrors: anything,
  corsPolicy: anything,
  headers: optional(headers),
}).superRefine((given, ctx) => {
  checkAction(given, ctx)
  checkWeights(given.route, ctx)
})

function checkAction(given: HttpRoute, ctx: z.RefinementCtx): void {
  const actions = [
    given.route.length > 0 ? 'route' : null,
    given.redirect === null ? null : 'redirect',
    given.directResponse === null ? null : 'directResponse',
    given.delegate === null ? null : 'delegate',
  ].filter((action) => action !== null)
  if (actions.length === 0) {
    ctx.addIssue({ code: 'custom', message: 'does nothing: give route, redirect, directResponse or delegate' })
  } else if (actions.length > 1) {
    const message = `stands beside ${actions[0]}: a route does one of route, redirect, directResponse and delegate`
    ctx.addIssue({ code: 'custom', path: [actions[1] as string], message })
  } else if (given.redirect !== null || given.directResponse !== null) {
    for (const field of ['fault', 'rewrite'] as const) {
      if (given[field] === null) continue
      ctx.addIssue({ code: 'custom', path: [field], message: `can't stand beside ${actions[0]}: remove it` })
    }
  }
  if (given.mirror !== null && Array.isArray(given.mirrors) && given.mirrors.length > 0) {
    ctx.addIssue({ code: 'custom', path: ['mirrors'], message: 'stands beside mirror: give one of them' })
  }
}

function checkWeights(route: readonly RouteDestination[], ctx: z.RefinementCtx): void {
  if (route.length < 2) return
  const total = route.reduce((sum, { weight }) => sum + (weight ?? 0), 0)
  if (total === 0) {
    const message = 'has several destinations and no weight above 0: give them weights, such as 90 and 10'
    ctx.addIssue({ code: 'custom', path: ['route'], message })
  } else if (total > UINT32_MAX) {
    ctx.addIssue({
      code: 'custom',
      path: ['route'],
      message: `has weights of ${total} together: ${UINT32_MAX} is the most`,
    })
  }
}

const REDIRECT_CODES: readonly number[] = [301, 302, 303, 307, 308]
const UINT32_MAX = 4_294_967_295
