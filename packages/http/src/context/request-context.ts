// The context of the request that this process serves at the moment, carried by Node's async context from the server half
// to the calls that are made while serving it.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { ContextCarrier, RequestContext } from '@inmesh/core'

/** Carries a RequestContext through callbacks and promises. */
export class AsyncRequestContext implements ContextCarrier {
  readonly #storage = new AsyncLocalStorage<RequestContext>()

  /** The context of the request being served; null outside of any. */
  current(): RequestContext | null {
    return this.#storage.getStore() ?? null
  }

  /** Runs `task`, and everything that it starts, in `context`. */
  run<T>(context: RequestContext, task: () => T): T {
    return this.#storage.run(context, task)
  }

  /** `run` with arguments instead of a closure, for what runs once per event of a request. */
  apply<A extends unknown[], T>(context: RequestContext, task: (...args: A) => T, ...args: A): T {
    return this.#storage.run(context, task, ...args)
  }

  /** Makes `context` current until the surrounding async scope ends; for a caller that has opened one. */
  enter(context: RequestContext): void {
    this.#storage.enterWith(context)
  }
}
