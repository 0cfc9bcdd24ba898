// @inmesh/http: the mesh for fetch, undici and node:http servers.

// For users.
export { createMesh, type HttpMesh } from './create-mesh.ts'
export type { DrainOptions } from './server/drain.ts'
export type { MeshOptions, WorkloadOptions } from '@inmesh/core'

// For adapter authors.
export { MeshDispatcher } from './client/dispatcher.ts'
export { createMeshFetch } from './client/fetch.ts'
export { AsyncRequestContext } from './context/request-context.ts'
export { meshServer, type MeshServerOptions } from './server/server.ts'
