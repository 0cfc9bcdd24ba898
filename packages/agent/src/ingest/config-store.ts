// Configuration objects as they were read, whatever they were read from, and what was wrong with the rest.

/** One Istio or Kubernetes object. `Spec` is the validated spec; for kinds without a spec (ConfigMap, EndpointSlice) the whole object. */
export interface ConfigObject<Spec = unknown> {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** metadata.creationTimestamp in milliseconds, else 0. Conflicts go to the oldest, then by name and namespace. */
  readonly createdAt: number
  readonly spec: Spec
  readonly source: Source
}

/** Where an object stands. */
export interface Source {
  readonly file: string
  /**
   * Line of a field of the object (path inside the whole object, such as ['spec', 'http', 0]), from 1. When the field is
   * not there, the line of the innermost object around it that is.
   */
  line(path: readonly (string | number)[]): number
}

/** Something wrong with the configuration: the object is left out, or the file is. */
export interface Problem {
  readonly severity: 'error' | 'warning'
  readonly file: string
  readonly line: number
  /** `Kind namespace/name`, or null when the file can't be read as YAML. */
  readonly object: string | null
  /** Path of the field, such as `spec.http[0].route[0].weight`; null for the whole. */
  readonly field: string | null
  /** What is wrong and what to do. */
  readonly message: string
}

/** A consistent state of the whole configuration. */
export interface ConfigState {
  readonly objects: readonly ConfigObject[]
  readonly problems: readonly Problem[]
}

/** A place that configuration comes from. Of a file that has gone bad, the last good objects stay. */
export interface ConfigStore {
  /** Reads everything once; later changes come by `onChange`. */
  start(): Promise<ConfigState>
  readonly state: ConfigState
  onChange(listener: (state: ConfigState) => void): { cancel(): void }
  close(): Promise<void>
}
