// What the discovery server asks for resources: one generator per kind of client.
import type { Proxy } from '../model/proxy.ts'
import type { PushContext } from '../model/push-context.ts'
import type { TranslatedResource, TypeUrl } from '../translate/resource.ts'

/** Turns the model into the resources of one kind of client. */
export interface Generator {
  /**
   * The resources of `names`, in that order. A name that the mesh does not have is left out. Never throws for bad
   * configuration: validation has kept that out of the model.
   */
  generate(typeUrl: TypeUrl, names: readonly string[], proxy: Proxy, push: PushContext): readonly TranslatedResource[]
}
