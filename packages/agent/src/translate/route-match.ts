// HTTPMatchRequest as Envoy's RouteMatch, and which matches concern a client at all (istio pilot/pkg/networking/core/route).
import { create } from '@bufbuild/protobuf'
import {
  type HeaderMatcher,
  HeaderMatcherSchema,
  type QueryParameterMatcher,
  QueryParameterMatcherSchema,
  type RouteMatch,
  RouteMatchSchema,
} from '@inmesh/core/gen/envoy/config/route/v3/route_components_pb.ts'
import { type StringMatcher, StringMatcherSchema } from '@inmesh/core/gen/envoy/type/matcher/v3/string_pb.ts'
import type { HttpMatch, StringMatch } from '../model/http-match.ts'
import { labelsMatch } from '../model/labels.ts'
import type { Client } from '../model/push-context.ts'

/** The match is for this client and port. Conditions on the source are decided here, not in the proxy. */
export function concerns(match: HttpMatch, client: Client, port: number): boolean {
  if (match.port !== null && match.port !== port) return false
  if (match.gateways.length > 0) return match.gateways.includes('mesh')
  if (match.sourceNamespace !== '' && match.sourceNamespace !== client.namespace) return false
  return labelsMatch(match.sourceLabels, client.labels)
}

/** The RouteMatch; null matches every request. */
export function routeMatch(match: HttpMatch | null): RouteMatch {
  if (match === null) return create(RouteMatchSchema, { pathSpecifier: { case: 'prefix', value: '/' } })
  return create(RouteMatchSchema, {
    pathSpecifier: pathSpecifier(match.uri),
    caseSensitive: match.ignoreUriCase !== true,
    headers: headerMatchers(match),
    queryParameters: Object.keys(match.queryParams)
      .toSorted()
      .map((name) => queryMatcher(name, match.queryParams[name] ?? null)),
  })
}

/** No request gets past it: what stands after it is never reached. */
export function isCatchAll(match: RouteMatch): boolean {
  const path = match.pathSpecifier
  const everyPath =
    (path.case === 'prefix' && path.value === '/') || (path.case === 'safeRegex' && path.value.regex === '.*')
  return everyPath && match.headers.length === 0 && match.queryParameters.length === 0
}

function pathSpecifier(uri: StringMatch | null): RouteMatch['pathSpecifier'] {
  if (uri === null) return { case: 'prefix', value: '/' }
  switch (uri.kind) {
    case 'exact':
      return { case: 'path', value: uri.value }
    case 'prefix':
      return { case: 'prefix', value: uri.value }
    case 'regex':
      return create(RouteMatchSchema, { pathSpecifier: { case: 'safeRegex', value: { regex: uri.value } } })
        .pathSpecifier
  }
}

function headerMatchers(match: HttpMatch): HeaderMatcher[] {
  const matchers: HeaderMatcher[] = []
  for (const name of Object.keys(match.headers).toSorted()) {
    matchers.push(headerMatcher(name, match.headers[name] ?? null))
  }
  for (const name of Object.keys(match.withoutHeaders).toSorted()) {
    const matcher = headerMatcher(name, match.withoutHeaders[name] ?? null)
    matcher.invertMatch = true
    // A missing header counts as a value that does not match; presence needs no such help.
    matcher.treatMissingHeaderAsEmpty = matcher.headerMatchSpecifier.case !== 'presentMatch'
    matchers.push(matcher)
  }
  if (match.method !== null) matchers.push(headerMatcher(':method', match.method))
  if (match.authority !== null) matchers.push(headerMatcher(':authority', match.authority))
  if (match.scheme !== null) matchers.push(headerMatcher(':scheme', match.scheme))
  return matchers
}

function headerMatcher(name: string, match: StringMatch | null): HeaderMatcher {
  const matcher = create(HeaderMatcherSchema, { name })
  matcher.headerMatchSpecifier =
    match === null ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: stringMatcher(match) }
  return matcher
}

function queryMatcher(name: string, match: StringMatch | null): QueryParameterMatcher {
  const matcher = create(QueryParameterMatcherSchema, { name })
  matcher.queryParameterMatchSpecifier =
    match === null ? { case: 'presentMatch', value: true } : { case: 'stringMatch', value: stringMatcher(match) }
  return matcher
}

function stringMatcher({ kind, value }: StringMatch): StringMatcher {
  switch (kind) {
    case 'exact':
      return create(StringMatcherSchema, { matchPattern: { case: 'exact', value } })
    case 'prefix':
      return create(StringMatcherSchema, { matchPattern: { case: 'prefix', value } })
    case 'regex':
      return create(StringMatcherSchema, { matchPattern: { case: 'safeRegex', value: { regex: value } } })
  }
}
