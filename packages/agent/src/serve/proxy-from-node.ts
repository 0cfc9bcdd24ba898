// Reads a client's Node message into a Proxy (istio pilot/pkg/model/context.go: id of four parts, metadata as strings).
import { isIP } from 'node:net'
import type { Node } from '@inmesh/core/gen/envoy/config/core/v3/base_pb.ts'
import type { JsonObject, JsonValue } from '@bufbuild/protobuf'
import type { Proxy } from '../model/proxy.ts'

/** The Proxy, or the reason why the Node can't be served. */
export function proxyFromNode(node: Node): Proxy | { readonly invalid: string } {
  const [type, ip, workload, dnsDomain, ...rest] = node.id.split('~')
  if (type === undefined || ip === undefined || workload === undefined || dnsDomain === undefined || rest.length > 0) {
    return { invalid: `node id ${JSON.stringify(node.id)} must have the form type~ip~name.namespace~domain` }
  }
  if (type !== 'sidecar' && type !== 'router')
    return { invalid: `node type ${JSON.stringify(type)} must be sidecar or router` }
  const metadata = (node.metadata ?? {}) as JsonObject
  const ips = text(metadata['INSTANCE_IPS'])
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (ips.length === 0 && ip !== '') ips.push(ip)
  const wrong = ips.find((part) => isIP(part) === 0)
  if (ips.length === 0 || wrong !== undefined) {
    return {
      invalid: `node ${JSON.stringify(node.id)} names no valid IP address${wrong === undefined ? '' : ` (${wrong})`}`,
    }
  }
  const dot = workload.lastIndexOf('.')
  const name = dot < 0 ? workload : workload.slice(0, dot)
  const namespace = text(metadata['NAMESPACE']) || (dot < 0 ? 'default' : workload.slice(dot + 1))
  return {
    id: node.id,
    type,
    ips,
    name,
    namespace,
    dnsDomain,
    labels: labels(metadata['LABELS']),
    serviceAccount: text(metadata['SERVICE_ACCOUNT']) || 'default',
    clusterId: text(metadata['CLUSTER_ID']) || 'Kubernetes',
    generator: text(metadata['GENERATOR']),
    group: text(metadata['AUTO_REGISTER_GROUP']) || null,
    metadata,
  }
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function labels(value: JsonValue | undefined): Record<string, string> {
  const out: Record<string, string> = {}
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return out
  for (const [name, label] of Object.entries(value)) if (typeof label === 'string') out[name] = label
  return out
}
