// What the agent must know of a kind of object to read it.
import type { z } from 'zod'

/** Path of a field inside an object, such as `['spec', 'http', 0]`. */
export type FieldPath = readonly (string | number)[]

/** Takes a finding about a field; `path` is relative to the kind's body. An error leaves the object out. */
export type Report = (severity: 'error' | 'warning', path: FieldPath, message: string) => void

/** A kind of Istio or Kubernetes object. */
export interface Kind<Spec = unknown> {
  /** API group; '' is Kubernetes' core group. */
  readonly group: string
  readonly versions: readonly string[]
  readonly kind: string
  /** What the schema describes: the `spec`, or the whole object without apiVersion, kind and metadata. */
  readonly body: 'spec' | 'object'
  readonly namespaced: boolean
  /** Null: the kind is known, and nothing honours it yet. */
  readonly schema: z.ZodType<Spec> | null
  /** What a schema can't say: fields that are valid and not honoured yet, rules that only warn. `raw` is the body as written. */
  check?(spec: Spec, report: Report, raw: Readonly<Record<string, unknown>>): void
}

/** Versions of `networking.istio.io` that hold the traffic kinds. */
export const NETWORKING_VERSIONS: readonly string[] = ['v1', 'v1beta1', 'v1alpha3']
