// fetch through the mesh: the platform's own fetch, so that Request, Response and Headers are the global classes, with the
// mesh's dispatcher behind it. The dispatcher takes the handlers of every undici that Node 22, 24 and 26 bring.
import type { MeshDispatcher } from './dispatcher.ts'

/** Makes a function with global fetch's signature. A dispatcher among its options is replaced. */
export function createMeshFetch(dispatcher: MeshDispatcher): typeof fetch {
  // Taken now: an application may put the result into globalThis.fetch.
  const platformFetch = globalThis.fetch
  const alone = { dispatcher } as unknown as RequestInit
  return (input, init) =>
    platformFetch(input, init === undefined ? alone : ({ ...init, dispatcher } as unknown as RequestInit))
}
