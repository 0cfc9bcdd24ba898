// What tells whether a part of a listener is still the same after an update, by value: an update brings new objects for
// everything, and what did not change is kept with the state that it has gathered.
import type { HttpConnectionManager, HttpFilterConfig, Listener } from '../resources/listener.ts'

/** Equal keys: the same filters with the same configuration in the same order, and the same access logs and tracing. */
export function filtersKey(manager: HttpConnectionManager): string {
  return JSON.stringify([
    manager.httpFilters.map(filterKey),
    manager.accessLogs,
    manager.tracing,
    manager.generateRequestId,
  ])
}

/** Equal keys: the same connections are let in, to the same kind of chain. */
export function admissionKey(listener: Listener): string {
  const last = listener.defaultFilterChain
  const chains = last === null ? listener.filterChains : [...listener.filterChains, last]
  return JSON.stringify(
    chains.map(({ match, transportSocket, http }) => [
      match,
      http !== null,
      transportSocket === null ? null : [transportSocket.name, transportSocket.typeUrl, base64(transportSocket.value)],
    ]),
  )
}

function filterKey({ name, typeUrl, value, isOptional, disabled }: HttpFilterConfig): unknown[] {
  return [name, typeUrl, base64(value), isOptional, disabled]
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
