// The configuration in force as plain JSON, for people: each root with its listener and routes, each cluster with its
// endpoints.
import type { LiveCluster } from '../router/live-cluster.ts'
import type { DependencyManager } from './dependency-manager.ts'
import type { RootWatch } from './root-watch.ts'

/** Roots and clusters that are followed. */
export function dumpConfiguration(manager: DependencyManager<LiveCluster>): { roots: unknown; clusters: unknown } {
  return {
    roots: [...manager.roots].map(dumpRoot),
    clusters: [...manager.slots].map(({ name, cluster, error, ambientError }) => ({
      name,
      state: cluster !== null ? 'ready' : error !== null ? 'error' : 'waiting',
      error: (error ?? ambientError)?.message ?? null,
      resource: cluster === null ? null : toJson(cluster.resource),
      endpoints: cluster === null ? [] : cluster.describe().endpoints,
    })),
  }
}

function dumpRoot({ name, snapshot, error, ambientError, waitingFor }: RootWatch): unknown {
  return {
    name,
    state: snapshot !== null ? 'ready' : error !== null ? 'error' : 'waiting',
    error: (error ?? ambientError)?.message ?? null,
    waiting_for: waitingFor,
    listener: snapshot === null ? null : toJson(snapshot.listener),
    route_configurations: snapshot === null ? [] : [...snapshot.routeConfigurations.values()].map(toJson),
  }
}

/** A decoded resource as JSON can hold it: bytes as base64, maps as objects, errors as their messages. */
export function toJson(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (ArrayBuffer.isView(value)) return [...(value as unknown as Iterable<number>)]
  if (value instanceof Error) return { error: value.message }
  if (Array.isArray(value)) return value.map(toJson)
  const entries = value instanceof Map ? value.entries() : Object.entries(value)
  return Object.fromEntries([...entries].map(([key, item]) => [String(key), toJson(item)]))
}
