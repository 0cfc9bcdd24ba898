// Choosing the cluster of a request (config/route/v3 RouteAction.cluster_specifier). A split is decided by the request's own
// dice, so that every look at the same request gives the same answer.
import type { Exchange } from '../exchange/exchange.ts'
import { requestField } from '../match/header.ts'
import type { RouteAction, WeightedCluster } from '../resources/route-configuration.ts'
import { compileHeaderMutation } from './header-mutation.ts'
import { compileRequestMutation } from './request-mutation.ts'
import type { ClusterChoice } from './route.ts'

/** What chooses. */
export interface ClusterChooser {
  /** Null: the header that names the cluster is missing. */
  choose(x: Exchange): ClusterChoice | null
}

/** Compiles a route's target. */
export function compileTarget(target: RouteAction['target']): ClusterChooser {
  switch (target.kind) {
    case 'cluster':
      return new OneCluster(target.cluster)
    case 'weighted':
      return new WeightedClusters(target.clusters, target.totalWeight)
    case 'cluster_header':
      return new ClusterByHeader(target.header)
  }
}

/** Index of the entry that the dice, in [0, 1), falls on. Envoy: the random number modulo the total weight. */
export function weightedIndex(clusters: readonly WeightedCluster[], totalWeight: number, random: number): number {
  const selected = Math.floor(random * totalWeight)
  let end = 0
  for (let i = 0; i < clusters.length; i++) {
    end += (clusters[i] as WeightedCluster).weight
    if (selected < end) return i
  }
  return clusters.length - 1
}

class OneCluster implements ClusterChooser {
  readonly #choice: ClusterChoice

  constructor(cluster: string) {
    this.#choice = { cluster, requestMutation: null, responseMutation: null }
  }

  choose(): ClusterChoice {
    return this.#choice
  }
}

class WeightedClusters implements ClusterChooser {
  readonly #clusters: readonly WeightedCluster[]
  readonly #totalWeight: number
  readonly #choices: readonly ClusterChoice[]

  constructor(clusters: readonly WeightedCluster[], totalWeight: number) {
    this.#clusters = clusters
    this.#totalWeight = totalWeight
    this.#choices = clusters.map((cluster) => ({
      cluster: cluster.cluster,
      requestMutation: compileRequestMutation({
        headers: compileHeaderMutation(cluster.headers, 'request'),
        host: cluster.hostRewriteLiteral,
        appendForwardedHost: false,
        path: null,
      }),
      responseMutation: compileHeaderMutation(cluster.headers, 'response'),
    }))
  }

  choose(x: Exchange): ClusterChoice {
    return this.#choices[weightedIndex(this.#clusters, this.#totalWeight, x.random)] as ClusterChoice
  }
}

class ClusterByHeader implements ClusterChooser {
  readonly #header: string

  constructor(header: string) {
    this.#header = header
  }

  choose(x: Exchange): ClusterChoice | null {
    const cluster = requestField(x.request, this.#header)
    if (cluster === null || cluster === '') return null
    return { cluster, requestMutation: null, responseMutation: null }
  }
}
