// The wire under the ADS client: bytes in, bytes out. core's only implementation is grpc-transport.ts.

/** Opens ADS streams to one control plane. */
export interface XdsTransport {
  /**
   * Opens a stream of AggregatedDiscoveryService. `method` is StreamAggregatedResources (state of the world) or
   * DeltaAggregatedResources. Events never come from inside this call.
   */
  open(method: 'StreamAggregatedResources' | 'DeltaAggregatedResources', events: StreamEvents): XdsStream
  close(): void
}

/** One open stream. */
export interface XdsStream {
  /** Sends an encoded DiscoveryRequest or DeltaDiscoveryRequest. */
  send(message: Uint8Array): void
  /**
   * Whether this stream keeps the process alive: yes while somebody waits for a resource. An open stream alone must not,
   * or a program that has done its work would never end. Default: yes.
   */
  hold(held: boolean): void
  /** Ends the stream; no event comes afterwards. */
  end(): void
}

/** What happens on a stream. */
export interface StreamEvents {
  /** The connection stands and the stream is under way: timers for missing resources may start (gRFC A57). */
  onConnected(): void
  /** A message; its bytes belong to the receiver. */
  onMessage(message: Uint8Array): void
  /** The stream is over. `status` is the gRPC status, 0 for a clean end. */
  onEnd(status: number, details: string): void
}
