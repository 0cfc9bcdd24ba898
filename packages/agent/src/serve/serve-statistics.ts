// What the discovery server counts, apart from how it is shown.

/** Hears of what the server does. */
export interface ServeStatistics {
  /** Streams that are open. */
  clients(count: number): void
  response(typeUrl: string, resources: number, bytes: number): void
  rejected(typeUrl: string): void
  /** A push to all clients took this long, in milliseconds. */
  pushed(durationMs: number): void
}

/** Counts nothing. */
export const NO_STATISTICS: ServeStatistics = { clients() {}, response() {}, rejected() {}, pushed() {} }
