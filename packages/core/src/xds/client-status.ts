// What the xDS client knows of each resource, for config dumps and client status (envoy.admin.v3.ClientResourceStatus).
import type { AdsStreamState } from './ads-stream.ts'

/** `envoy.admin.v3.ClientResourceStatus`, as far as we tell them apart. */
export type ClientStatus =
  /** Asked for, nothing has come. */
  | 'REQUESTED'
  /** Asked for; the control plane has no such resource or was silent for 15 s. */
  | 'DOES_NOT_EXIST'
  /** In force. */
  | 'ACKED'
  /** The last version was rejected; an earlier one may be in force. */
  | 'NACKED'

/** One resource of one type. */
export interface ResourceStatus {
  readonly typeUrl: string
  readonly name: string
  readonly status: ClientStatus
  /** Of the value in force; '' for none. */
  readonly version: string
  /** Version that was rejected last; '' for none. */
  readonly failedVersion: string
  /** Why the last version was rejected, or why there is none; null when all is well. */
  readonly error: string | null
  /** Fields of the value in force that are approximated, ignored or unknown. */
  readonly warnings: readonly string[]
  /** Milliseconds since the epoch of the last change of status or version; 0 before the first. */
  readonly lastUpdated: number
}

/** Counts since the client was made. */
export interface XdsStats {
  /** Responses that were accepted. */
  acks: number
  /** Responses that were rejected, wholly or in part. */
  nacks: number
  /** Streams that were opened after the first. */
  reconnects: number
}

/** The state of a client. */
export interface XdsDump {
  readonly connected: boolean
  readonly stream: AdsStreamState
  readonly variant: 'delta' | 'sotw'
  /** control_plane.identifier of the last response; '' when not told. */
  readonly controlPlane: string
  readonly stats: Readonly<XdsStats>
  readonly resources: readonly ResourceStatus[]
}
