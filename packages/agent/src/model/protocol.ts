// Which protocol a port speaks (istio pkg/config/kube/conversion.go, "Protocol Selection" in Istio's documentation).

/** Protocol of a service's port; `auto` was not declared. */
export type Protocol = 'http' | 'http2' | 'https' | 'grpc' | 'grpc-web' | 'tls' | 'tcp' | 'udp' | 'auto'

/** The protocol of a Kubernetes port: UDP, else appProtocol, else the name's prefix, else by well-known port. */
export function portProtocol(
  port: number,
  name: string,
  transport: string | null,
  appProtocol: string | null,
): Protocol {
  if (transport === 'UDP') return 'udp'
  if (appProtocol !== null) {
    const declared = APP_PROTOCOLS[appProtocol.toLowerCase()] ?? protocolOf(appProtocol)
    if (declared !== null) return declared
    return 'auto'
  }
  const lower = name.toLowerCase()
  const prefix = lower === 'grpc-web' || lower.startsWith('grpc-web-') ? 'grpc-web' : (lower.split('-', 1)[0] as string)
  return protocolOf(prefix) ?? (SERVER_FIRST_PORTS.has(port) ? 'tcp' : 'auto')
}

/** A protocol by its name, in any case; null when it is none. Database protocols are TCP here. */
export function protocolOf(name: string): Protocol | null {
  return PROTOCOLS[name.toLowerCase()] ?? null
}

/** HTTP routes apply. A port that declares nothing counts: a client that asks by host and port speaks HTTP. */
export function isHttp(protocol: Protocol): boolean {
  return protocol === 'http' || protocol === 'auto' || isHttp2(protocol)
}

/** The upstream speaks HTTP/2. */
export function isHttp2(protocol: Protocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web'
}

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  http: 'http',
  http2: 'http2',
  https: 'https',
  grpc: 'grpc',
  'grpc-web': 'grpc-web',
  tls: 'tls',
  tcp: 'tcp',
  udp: 'udp',
  mongo: 'tcp',
  redis: 'tcp',
  mysql: 'tcp',
}
const APP_PROTOCOLS: Readonly<Record<string, Protocol>> = {
  'kubernetes.io/h2c': 'http2',
  'kubernetes.io/ws': 'http',
  'kubernetes.io/wss': 'https',
}
// SMTP, DNS, MySQL and MongoDB: the server speaks first, so sniffing would wait for ever.
const SERVER_FIRST_PORTS: ReadonlySet<number> = new Set([25, 53, 3306, 27017])
