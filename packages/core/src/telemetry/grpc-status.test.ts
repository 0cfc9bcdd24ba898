import { expect, test } from 'vitest'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { grpcStatusOf, grpcStatusOfHttp, isGrpcContentType, noteTrailers, parseGrpcStatus } from './grpc-status.ts'

function exchange(status: number | null, headers: string[] = []): Exchange {
  const x = new Exchange('outbound', new RequestHead('POST', 'http', 'a', '/a.B/C', new HeaderMap()), null, 0, 0)
  if (status !== null) x.response = new ResponseHead(status, new HeaderMap(headers))
  return x
}

test.each([
  ['application/grpc', true],
  ['application/grpc+proto', true],
  ['application/grpc;charset=utf-8', true],
  ['application/grpc-web', false],
  ['application/json', false],
])('content-type %s is gRPC: %s', (value, is) => {
  expect(isGrpcContentType(value)).toBe(is)
})

test.each([
  ['0', 0],
  ['16', 16],
  ['17', -1],
  ['', -1],
  ['x', -1],
  ['-1', -1],
  ['007', -1],
])('reads grpc-status %j as %i', (text, code) => {
  expect(parseGrpcStatus(text)).toBe(code)
})

test('the trailers win over the head', () => {
  const x = exchange(200, ['grpc-status', '2'])
  noteTrailers(x, new HeaderMap(['grpc-status', '0']))
  expect(grpcStatusOf(x)).toBe(0)
})

test('a trailers-only answer has its status in the head', () => {
  const x = exchange(200, ['grpc-status', '5'])
  noteTrailers(x, new HeaderMap())
  expect(grpcStatusOf(x)).toBe(5)
})

test.each([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [503, 14],
  [200, 2],
  [500, 2],
])('HTTP %i without a grpc-status is %i', (status, code) => {
  expect(grpcStatusOfHttp(status)).toBe(code)
  expect(grpcStatusOf(exchange(status))).toBe(code)
})

test('there is no status without an answer', () => {
  expect(grpcStatusOf(exchange(null))).toBeNull()
})
