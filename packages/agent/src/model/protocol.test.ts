import { expect, test } from 'vitest'
import { portProtocol } from './protocol.ts'

test.each([
  [80, 'http', null, null, 'http'],
  [80, 'HTTP-web', null, null, 'http'],
  [80, 'grpc-web', null, null, 'grpc-web'],
  [80, 'grpc-webby', null, null, 'grpc'],
  [80, 'httpx', null, null, 'auto'],
  [80, '', null, null, 'auto'],
  [3306, '', null, null, 'tcp'],
  [3306, 'http', null, null, 'http'],
  [80, 'tcp', null, 'http', 'http'],
  [80, 'http', null, 'kubernetes.io/h2c', 'http2'],
  [80, 'mongo', null, null, 'tcp'],
  [80, 'http', 'UDP', 'http', 'udp'],
] as const)('port %i named "%s" (%s, appProtocol %s) is %s', (port, name, transport, appProtocol, protocol) => {
  expect(portProtocol(port, name, transport, appProtocol)).toBe(protocol)
})
