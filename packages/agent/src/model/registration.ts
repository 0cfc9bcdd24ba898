// A workload that registered itself under a WorkloadGroup by connecting.

/** One registered workload: key is group and address. */
export interface Registration {
  /** Namespace and name of the WorkloadGroup. */
  readonly namespace: string
  readonly group: string
  readonly address: string
  /** From the node's metadata; they win over the group's. */
  readonly labels: Readonly<Record<string, string>>
  readonly serviceAccount: string
  readonly workloadName: string
  readonly clusterId: string
  /** Ports of the inbound listeners that the workload has asked for: it listens there, so it is healthy there. Empty: unhealthy. */
  readonly ports: readonly number[]
  /** False while a restarted agent waits for the workload to come back. */
  readonly connected: boolean
}
