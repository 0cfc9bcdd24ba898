// What tests of the mesh use: real implementations that a test can steer.
export { FakeClock } from './fake-clock.ts'
export { FakeControlPlane, type FakeControlPlaneOptions } from './fake-control-plane.ts'
export type { RawResource, RawResponse, RecordedRequest } from './recorded-request.ts'
export { seededRandom } from '../runtime/random.ts'
