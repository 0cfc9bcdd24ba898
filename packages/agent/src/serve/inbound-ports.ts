// Names of inbound listeners in the proxyless naming (gRFC A36): `xds.istio.io/grpc/lds/inbound/<ip:port>`.

/** What an inbound listener's name begins with. */
export const INBOUND_LISTENER_PREFIX = 'xds.istio.io/grpc/lds/inbound/'

/** The ports of the inbound listeners among these names: where the process listens. */
export function inboundPorts(names: Iterable<string>): ReadonlySet<number> {
  const ports = new Set<number>()
  for (const name of names) {
    if (!name.startsWith(INBOUND_LISTENER_PREFIX)) continue
    const port = Number(name.slice(name.lastIndexOf(':') + 1))
    if (Number.isInteger(port) && port > 0 && port <= 65_535) ports.add(port)
  }
  return ports
}
