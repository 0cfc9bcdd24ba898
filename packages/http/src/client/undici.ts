// The parts of undici that the client stands on, each by its own path: undici's index loads fetch, caches and mocks too,
// which costs twice the start-up time. undici has no `exports`, so the paths are open; its version is pinned exactly.
import { createRequire } from 'node:module'
import type * as Undici from 'undici'

const require = createRequire(import.meta.url)

export type DispatchOptions = Undici.Dispatcher.DispatchOptions
export type DispatchHandler = Undici.Dispatcher.DispatchHandler
export type DispatchController = Undici.Dispatcher.DispatchController
export type UndiciHeaders = DispatchOptions['headers']
/** Response fields as undici hands them on: lower-case names, an array where a name came more than once. */
export type ResponseHeaders = Record<string, string | string[] | undefined>

/** undici's base class of everything that dispatches. The application's undici 8 of the same copy recognises it. */
export const Dispatcher: typeof Undici.Dispatcher = require('undici/lib/dispatcher/dispatcher.js')
export const Pool: typeof Undici.Pool = require('undici/lib/dispatcher/pool.js')
export const buildConnector: typeof Undici.buildConnector = require('undici/lib/core/connect.js')
export const errors: typeof Undici.errors = require('undici/lib/core/errors.js')

const legacy: {
  readonly wrapHandler: (handler: unknown) => DispatchHandler
} = require('undici/lib/dispatcher/dispatcher1-wrapper.js')
const util: {
  readonly assertRequestHandler: (handler: unknown, method: string, upgrade: unknown) => void
  readonly serializePathWithQuery: (path: string, query: Record<string, unknown>) => string
  readonly bodyLength: (body: unknown) => number | null
} = require('undici/lib/core/util.js')
const constants: {
  headerNameLowerCasedRecord: Readonly<Record<string, string | undefined>>
} = require('undici/lib/core/constants.js')

/** Gives a handler of undici 6 and 7 (onConnect, onHeaders, ...) the surface of undici 8's; one of undici 8 comes back as it is. */
export const wrapHandler: (handler: unknown) => DispatchHandler = legacy.wrapHandler
/** Throws undici's InvalidArgumentError for a handler without the methods that this request needs. */
export const assertRequestHandler: (handler: unknown, method: string, upgrade: unknown) => void =
  util.assertRequestHandler
export const serializePathWithQuery: (path: string, query: Record<string, unknown>) => string =
  util.serializePathWithQuery
/** Bytes of a body that is known whole; null when only reading it will tell. */
export const bodyLength: (body: unknown) => number | null = util.bodyLength

/** A header name in lower case: always the same string for the same name, which undici then finds faster in its tables. */
export function lowerCase(name: string): string {
  let lower = lowered.get(name)
  if (lower === undefined) {
    lower = constants.headerNameLowerCasedRecord[name] ?? name.toLowerCase()
    // Applications may invent names without end.
    if (lowered.size >= MAX_LOWERED) lowered.clear()
    lowered.set(name, lower)
  }
  return lower
}

const lowered = new Map<string, string>()
const MAX_LOWERED = 1024

/** A plain Agent, as undici would make for itself. Loaded when it is first needed. */
export function createAgent(): Undici.Agent {
  const Agent: typeof Undici.Agent = require('undici/lib/dispatcher/agent.js')
  return new Agent()
}

type Call = (this: Undici.Dispatcher, ...args: unknown[]) => unknown

/** `request`, `stream`, `pipeline`, `upgrade` and `connect`, which undici's index adds to every Dispatcher. */
export function api(name: 'request' | 'stream' | 'pipeline' | 'upgrade' | 'connect'): Call {
  return (require('undici/lib/api/index.js') as Record<string, Call>)[name] as Call
}
