// Configuration from a control plane: an xDS client over gRPC, with the decoders of the types that roots are made of.
import type { HttpFilterRegistry } from '../filters/registry.ts'
import { loadResourceTypes, type ResourceTypes } from '../resources/resource-types.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import type { XdsDump } from '../xds/client-status.ts'
import { GrpcTransport } from '../xds/grpc-transport.ts'
import type { XdsNode } from '../xds/node.ts'
import type { XdsTransport } from '../xds/transport.ts'
import { XdsClient } from '../xds/xds-client.ts'
import { checkedListenerType } from './listener-type.ts'
import type { ConfigSource } from './source.ts'

/** Which control plane, as whom, over what. */
export interface XdsSourceOptions {
  /** `unix:///path` or `host:port`. */
  readonly xds: string
  readonly variant: 'delta' | 'sotw'
  readonly node: XdsNode
  readonly registry: HttpFilterRegistry
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Null: gRPC to `xds`. */
  readonly transport: XdsTransport | null
}

/** An xDS client as a source. It connects with the first watch. */
export class XdsSource implements ConfigSource {
  readonly types: ResourceTypes
  readonly resources: XdsClient
  readonly #transport: XdsTransport

  constructor(types: ResourceTypes, client: XdsClient, transport: XdsTransport) {
    this.types = types
    this.resources = client
    this.#transport = transport
  }

  dump(): XdsDump {
    return this.resources.dump()
  }

  close(): void {
    this.resources.close()
    this.#transport.close()
  }
}

/** Loads the decoders and makes the client. */
export async function openXdsSource(options: XdsSourceOptions): Promise<XdsSource> {
  const { xds, variant, node, clock, random, log } = options
  const loaded = await loadResourceTypes()
  const types: ResourceTypes = { ...loaded, listener: checkedListenerType(loaded.listener, options.registry, clock) }
  const transport = options.transport ?? new GrpcTransport({ address: xds, clock })
  const resourceTypes = [types.cluster, types.endpoints, types.listener, types.routeConfiguration]
  const client = new XdsClient({ transport: withoutHold(transport), node, variant, clock, random, log, resourceTypes })
  return new XdsSource(types, client, transport)
}

/**
 * Streams that never keep the process alive: the mesh does that itself while somebody waits for a look-up. A control plane
 * that accepts and stays silent must not keep a program from ending whose calls have been decided without it.
 */
function withoutHold(transport: XdsTransport): XdsTransport {
  return {
    open(method, events) {
      const stream = transport.open(method, events)
      stream.hold(false)
      return { send: (message) => stream.send(message), hold() {}, end: () => stream.end() }
    },
    close: () => transport.close(),
  }
}
