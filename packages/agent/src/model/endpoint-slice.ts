// EndpointSlice and Endpoints of Kubernetes: where the workloads of a Service are.
import { z } from 'zod'
import { anything, flag, list, looseMessage, map, message, optional, text } from './field.ts'
import type { Kind } from './kind.ts'

/** One endpoint, whichever of the two kinds it came from. */
export interface SliceEndpoint {
  readonly addresses: readonly string[]
  readonly ready: boolean
  readonly terminating: boolean
  /** '' when not said. */
  readonly zone: string
  /** Name of the pod behind it; '' when not said. */
  readonly pod: string
}

/** A port by the name of the Service's port. */
export interface SlicePort {
  readonly name: string
  readonly port: number
}

/** The endpoints of one Service that have the same ports. */
export interface EndpointSlice {
  readonly endpoints: readonly SliceEndpoint[]
  readonly ports: readonly SlicePort[]
}

const ports: z.ZodType<readonly SlicePort[]> = list(
  looseMessage({ name: text, port: optional(z.number()), protocol: optional(z.string()) }),
).transform((given) =>
  given.flatMap(({ name, port, protocol }) => (port === null || protocol === 'UDP' ? [] : [{ name, port }])),
) as never

const targetRef = optional(looseMessage({ kind: text, name: text }))

const endpoint: z.ZodType<SliceEndpoint> = message({
  addresses: list(z.string()),
  conditions: optional(message({ ready: flag, serving: flag, terminating: flag })),
  hostname: text,
  targetRef,
  nodeName: text,
  zone: text,
  hints: anything,
  deprecatedTopology: map(z.string()),
}).transform(({ addresses, conditions, zone, targetRef: ref }) => ({
  addresses,
  // Unknown is to be taken as ready - Kubernetes, EndpointConditions.
  ready: conditions?.ready ?? true,
  terminating: conditions?.terminating ?? false,
  zone,
  pod: ref?.kind === 'Pod' ? ref.name : '',
})) as never

/** The label that names the Service of an EndpointSlice. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

/** The kind EndpointSlice. */
export const ENDPOINT_SLICE: Kind<EndpointSlice> = {
  group: 'discovery.k8s.io',
  versions: ['v1', 'v1beta1'],
  kind: 'EndpointSlice',
  body: 'object',
  namespaced: true,
  schema: message({
    addressType: optional(z.enum(['IPv4', 'IPv6', 'FQDN'])),
    endpoints: list(endpoint),
    ports,
  }).transform(({ addressType, endpoints, ports: named }) => ({
    endpoints: addressType === 'FQDN' ? [] : endpoints,
    ports: named,
  })) as never,
}

const address = looseMessage({ ip: z.string(), targetRef })
const subset = message({ addresses: list(address), notReadyAddresses: list(address), ports })

/** The kind Endpoints: each subset is a slice of its own. */
export const ENDPOINTS: Kind<readonly EndpointSlice[]> = {
  group: '',
  versions: ['v1'],
  kind: 'Endpoints',
  body: 'object',
  namespaced: true,
  schema: message({ subsets: list(subset) }).transform(({ subsets }) =>
    subsets.map((given) => ({
      endpoints: [
        ...given.addresses.map((one) => fromAddress(one, true)),
        ...given.notReadyAddresses.map((one) => fromAddress(one, false)),
      ],
      ports: given.ports,
    })),
  ) as never,
}

function fromAddress(given: z.output<typeof address>, ready: boolean): SliceEndpoint {
  const pod = given.targetRef?.kind === 'Pod' ? given.targetRef.name : ''
  return { addresses: [given.ip], ready, terminating: false, zone: '', pod }
}
