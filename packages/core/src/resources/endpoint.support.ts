// What becomes of the fields of a ClusterLoadAssignment (config/endpoint/v3). Its reader knows fields by number, so they
// stand here by number too; EDS needs no generated message.
import type { FieldSupport, Support } from './support.ts'

/** A field of a message of EDS. */
export interface NumberedField extends FieldSupport {
  readonly number: number
  readonly name: string
}

const ENDPOINT = 'envoy.config.endpoint.v3'
const CORE = 'envoy.config.core.v3'
const CHECKS = 'endpoints are not checked actively'
const LEDS = 'endpoints are not fetched apart from their assignment'

/** The fields that the reader meets, by message. Those that it honours are read by it; this says what becomes of the others. */
const MESSAGES: Readonly<Record<string, readonly (readonly [number, string, Support, string])[]>> = {
  [`${ENDPOINT}.ClusterLoadAssignment`]: [
    [1, 'cluster_name', 'honoured', ''],
    [2, 'endpoints', 'honoured', ''],
    [4, 'policy', 'honoured', ''],
    [5, 'named_endpoints', 'ignored', 'endpoints by reference are not read'],
  ],
  [`${ENDPOINT}.ClusterLoadAssignment.Policy`]: [
    [2, 'drop_overloads', 'honoured', 'categories are taken together'],
    [3, 'overprovisioning_factor', 'honoured', ''],
    [4, 'endpoint_stale_after', 'ignored', 'endpoints stay until the control plane takes them away'],
    [6, 'weighted_priority_health', 'ignored', 'the health of a priority is the share of its healthy endpoints'],
  ],
  [`${ENDPOINT}.ClusterLoadAssignment.Policy.DropOverload`]: [
    [1, 'category', 'honoured', 'categories are taken together'],
    [2, 'drop_percentage', 'honoured', ''],
  ],
  [`${ENDPOINT}.LocalityLbEndpoints`]: [
    [1, 'locality', 'honoured', ''],
    [2, 'lb_endpoints', 'honoured', ''],
    [3, 'load_balancing_weight', 'honoured', '0 when it is not set'],
    [5, 'priority', 'honoured', ''],
    [6, 'proximity', 'ignored', 'not used by Envoy either'],
    [7, 'load_balancer_endpoints', 'ignored', LEDS],
    [8, 'leds_cluster_locality_config', 'ignored', LEDS],
    [9, 'metadata', 'honoured', 'read by nothing'],
  ],
  [`${ENDPOINT}.LbEndpoint`]: [
    [1, 'endpoint', 'honoured', ''],
    [2, 'health_status', 'honoured', ''],
    [3, 'metadata', 'honoured', ''],
    [4, 'load_balancing_weight', 'honoured', ''],
    [5, 'endpoint_name', 'refused', 'endpoints by reference are not read'],
  ],
  [`${ENDPOINT}.Endpoint`]: [
    [1, 'address', 'honoured', ''],
    [2, 'health_check_config', 'ignored', CHECKS],
    [3, 'hostname', 'ignored', 'the Host header is not rewritten to it'],
    [4, 'additional_addresses', 'ignored', 'only `address` is dialled'],
  ],
  [`${CORE}.Locality`]: [
    [1, 'region', 'honoured', ''],
    [2, 'zone', 'honoured', ''],
    [3, 'sub_zone', 'honoured', ''],
  ],
  [`${CORE}.Address`]: [
    [1, 'socket_address', 'honoured', ''],
    [2, 'pipe', 'honoured', ''],
    [3, 'envoy_internal_address', 'ignored', 'there are no internal listeners: the endpoint is left out'],
  ],
  [`${CORE}.Pipe`]: [
    [1, 'path', 'honoured', ''],
    [2, 'mode', 'honoured', 'only for listening'],
  ],
  [`${CORE}.SocketAddress`]: [
    [1, 'protocol', 'ignored', 'always TCP'],
    [2, 'address', 'honoured', ''],
    [3, 'port_value', 'honoured', ''],
    [4, 'named_port', 'refused', 'only numbers are ports'],
    [5, 'resolver_name', 'ignored', 'the system resolves names'],
    [6, 'ipv4_compat', 'honoured', 'only for listening'],
    [7, 'network_namespace_filepath', 'ignored', 'only for listening'],
  ],
}

const fields = new Map<string, NumberedField>()
for (const [typeName, list] of Object.entries(MESSAGES))
  for (const [number, name, support, note] of list)
    fields.set(`${typeName}#${number}`, { path: `${typeName}.${name}`, number, name, support, note })

/** ClusterLoadAssignment, alone or inside a Cluster. */
export const endpointSupport: {
  readonly resource: string
  readonly fields: readonly NumberedField[]
  field(typeName: string, number: number): NumberedField | null
} = {
  resource: 'ClusterLoadAssignment',
  fields: [...fields.values()],
  field: (typeName, number) => fields.get(`${typeName}#${number}`) ?? null,
}
