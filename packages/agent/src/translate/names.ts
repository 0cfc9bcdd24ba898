// Names of resources, as Istio gives them (istio pilot/pkg/model/service.go, BuildSubsetKey).

/** Name of an outbound cluster, its endpoints, and (without subset) of the on-demand route configuration. */
export function outboundName(port: number, subset: string, host: string): string {
  return `outbound|${port}|${subset}|${host}`
}

/** The parts of an outbound name; null when `name` is not one. */
export function parseOutboundName(
  name: string,
): { readonly port: number; readonly subset: string; readonly host: string } | null {
  const parts = name.split('|')
  const [direction, port, subset, host] = parts
  if (parts.length !== 4 || direction !== 'outbound' || subset === undefined || !host) return null
  return isPort(port) ? { port: Number(port), subset, host } : null
}

/** `host:port` of an on-demand listener name, IPv6 addresses in brackets; null when `name` is not one. */
export function parseHostPort(name: string): { readonly host: string; readonly port: number } | null {
  const colon = name.lastIndexOf(':')
  const port = name.slice(colon + 1)
  const written = name.slice(0, colon)
  const host = written.startsWith('[') && written.endsWith(']') ? written.slice(1, -1) : written
  if (colon < 1 || host === '' || (host === written && host.includes(':')) || !isPort(port)) return null
  return { host, port: Number(port) }
}

/** What an inbound listener's name begins with (gRFC A36's template, as Istio fills it in). */
export const INBOUND_PREFIX = 'xds.istio.io/grpc/lds/inbound/'

/** The cluster that dials the address that the caller asked for. */
export const PASSTHROUGH_CLUSTER = 'PassthroughCluster'

/** Route and virtual host for hosts that the mesh does not know, by the outbound traffic policy. */
export const ALLOW_ANY = 'allow_any'
export const BLOCK_ALL = 'block_all'

function isPort(text: string | undefined): boolean {
  return text !== undefined && /^[1-9]\d{0,4}$/.test(text) && Number(text) < 65_536
}
