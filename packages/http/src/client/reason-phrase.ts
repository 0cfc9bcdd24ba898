// The reason phrase of a status line (RFC 9112 4), as node:http knows them.

/**
 * By status. An `import` of node:http would read every property of it, and WebSocket's would load all of Node's own undici
 * (40 ms) into a process that only serves.
 */
export const REASON_PHRASES: Readonly<Record<number, string | undefined>> =
  process.getBuiltinModule('node:http').STATUS_CODES
