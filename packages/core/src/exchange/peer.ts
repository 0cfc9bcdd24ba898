// Who is at the other end: what metrics, logs and policy say about a workload.

/** A workload as Istio's telemetry names it. '' where a label is known to be empty, null where nothing is known. */
export interface Peer {
  readonly workload: string | null
  readonly namespace: string | null
  readonly canonicalService: string | null
  readonly canonicalRevision: string | null
  readonly app: string | null
  readonly version: string | null
  readonly cluster: string | null
  /** SPIFFE id from the certificate; null without mutual TLS. Never taken from a header. */
  readonly principal: string | null
}

/** Nothing is known. */
export const unknownPeer: Peer = {
  workload: null,
  namespace: null,
  canonicalService: null,
  canonicalRevision: null,
  app: null,
  version: null,
  cluster: null,
  principal: null,
}
