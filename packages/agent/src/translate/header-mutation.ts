// Header operations of a VirtualService as Envoy's options (istio pilot/pkg/networking/core/route/route.go).
import { create } from '@bufbuild/protobuf'
import {
  type HeaderValueOption,
  HeaderValueOption_HeaderAppendAction as AppendAction,
  HeaderValueOptionSchema,
} from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import type { HeaderOperations, Headers } from '../model/http-route.ts'

/** The header fields that a route and a weighted cluster share. */
export interface HeaderFields {
  readonly requestHeadersToAdd: HeaderValueOption[]
  readonly requestHeadersToRemove: string[]
  readonly responseHeadersToAdd: HeaderValueOption[]
  readonly responseHeadersToRemove: string[]
  /** Host that the upstream is to see; '' leaves it. */
  readonly authority: string
}

/** `set` overwrites, `add` appends, each sorted by name, `set` first. A host among the request's headers rewrites it. */
export function headerFields(headers: Headers | null): HeaderFields {
  const { request, response } = headers ?? NONE
  return {
    requestHeadersToAdd: additions(request),
    requestHeadersToRemove: removals(request),
    responseHeadersToAdd: additions(response),
    responseHeadersToRemove: removals(response),
    authority: request === null ? '' : (hostIn(request.set) ?? hostIn(request.add) ?? ''),
  }
}

function additions(operations: HeaderOperations | null): HeaderValueOption[] {
  if (operations === null) return []
  return [
    ...options(operations.set, AppendAction.OVERWRITE_IF_EXISTS_OR_ADD),
    ...options(operations.add, AppendAction.APPEND_IF_EXISTS_OR_ADD),
  ]
}

function options(headers: Readonly<Record<string, string>>, appendAction: AppendAction): HeaderValueOption[] {
  return Object.keys(headers)
    .filter(isOrdinary)
    .toSorted()
    .map((key) => create(HeaderValueOptionSchema, { header: { key, value: headers[key] as string }, appendAction }))
}

function removals(operations: HeaderOperations | null): string[] {
  return operations === null ? [] : operations.remove.filter(isOrdinary)
}

// Envoy refuses changes of pseudo-headers and of the host here.
function isOrdinary(name: string): boolean {
  return !name.startsWith(':') && name.toLowerCase() !== 'host'
}

function hostIn(headers: Readonly<Record<string, string>>): string | null {
  for (const name in headers) {
    const lower = name.toLowerCase()
    if (lower === 'host' || lower === ':authority') return headers[name] as string
  }
  return null
}

const NONE: Headers = { request: null, response: null }
