// Host names of the mesh: short names, wildcards and what matches what (istio pkg/config/host/name.go).
import { isIP } from 'node:net'

/** The domain that Kubernetes services live in. */
export const CLUSTER_DOMAIN = 'cluster.local'

/**
 * The full name of a host written in an object of `namespace`: a name without a dot is a service of that namespace; a
 * wildcard, an IP address and a name with dots stay as they are. Lower case.
 */
export function fullHostName(host: string, namespace: string): string {
  const name = host.toLowerCase()
  if (name === '' || name.startsWith('*') || name.includes('.') || isIP(name) !== 0) return name
  return `${name}.${namespace}.svc.${CLUSTER_DOMAIN}`
}

/**
 * The names that a proxy may mean by `host`, most literal first: the name itself, then `foo`, `foo.ns` and `foo.ns.svc`
 * completed by the proxy's namespace and DNS domain. A trailing dot is dropped.
 */
export function candidateHostNames(host: string, namespace: string, dnsDomain: string): string[] {
  const name = (host.endsWith('.') ? host.slice(0, -1) : host).toLowerCase()
  if (isIP(name) !== 0) return [name]
  const domain = dnsDomain.startsWith(`${namespace}.svc.`) ? dnsDomain.slice(namespace.length + 5) : CLUSTER_DOMAIN
  const labels = name.split('.')
  if (labels.length === 1) return [name, `${name}.${namespace}.svc.${domain}`]
  if (labels.length === 2) return [name, `${name}.svc.${domain}`]
  if (labels.length === 3 && labels[2] === 'svc') return [name, `${name}.${domain}`]
  return [name]
}

/** Any name that starts with `*`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*')
}

/** Every name that `host` stands for is one that `pattern` stands for. A wildcard is a pure suffix test. */
export function hostCovers(pattern: string, host: string): boolean {
  if (!isWildcard(pattern)) return pattern === host
  if (isWildcard(host)) return host.length >= pattern.length && host.slice(1).endsWith(pattern.slice(1))
  return host.endsWith(pattern.slice(1))
}

/** Some name is one that both stand for. */
export function hostsOverlap(a: string, b: string): boolean {
  return hostCovers(a, b) || hostCovers(b, a)
}

/** More specific first: an exact name before any wildcard, a longer wildcard before a shorter one. */
export function bySpecificity(a: string, b: string): number {
  const wild = Number(isWildcard(a)) - Number(isWildcard(b))
  return wild !== 0 ? wild : b.length - a.length
}

/** A DNS name as Kubernetes and Istio allow it, a `*` as the first label if `wildcard`. */
export function isHostName(host: string, wildcard: boolean): boolean {
  if (host.length > 255) return false
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  if (wildcard && name === '*') return true
  return (wildcard && name.startsWith('*.') ? name.slice(2) : name).split('.').every((label) => DNS_LABEL.test(label))
}

const DNS_LABEL = /^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?$/
