import { describe, expect, test } from 'vitest'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { Reply, replies } from '../exchange/reply.ts'
import { httpStatusOfGrpc, replyHead } from './reply-head.ts'

const request = (...fields: string[]) => new RequestHead('POST', 'http', 'a', '/', new HeaderMap(fields))

describe('replyHead', () => {
  test('counts the length of a body in bytes', () => {
    const head = replyHead(new Reply(400, 'é', 0, 'test'), request())
    expect(head.headers.get('content-length')).toBe('2')
  })

  test('has no fields without a body', () => {
    expect(replyHead(replies.routeNotFound, request()).headers.size).toBe(0)
  })

  test('keeps a content-type of its own', () => {
    const head = replyHead(new Reply(400, '{}', 0, 'test', ['content-type', 'application/json']), request())
    expect(head.headers.getAll('content-type')).toEqual(['application/json'])
  })

  test.each([
    ['application/grpc', '14'],
    ['application/grpc+proto', '14'],
    ['application/grpc;x', '14'],
    ['application/grpc-web', null],
    ['text/plain', null],
  ])('a request of type %s gets grpc-status %s', (type, expected) => {
    const head = replyHead(replies.noHealthyUpstream, request('content-type', type))
    expect(head.headers.get('grpc-status')).toBe(expected)
    expect(head.status).toBe(expected === null ? 503 : 200)
  })

  test('a gRPC status of its own wins over the derived one', () => {
    const head = replyHead(new Reply(403, 'no', 0, 'test', [], 9), request('content-type', 'application/grpc'))
    expect(head.headers.get('grpc-status')).toBe('9')
  })

  test.each([
    ['RBAC: access denied', 'RBAC: access denied'],
    ['100 %', '100 %25'],
    ['é\n', '%C3%A9%0A'],
    ['\ud800', '%EF%BF%BD'],
  ])('the message %j leaves as %s', (body, expected) => {
    const head = replyHead(new Reply(403, body, 0, 'test'), request('content-type', 'application/grpc'))
    expect(head.headers.get('grpc-message')).toBe(expected)
  })

  test('two replies of one value do not share their head', () => {
    replyHead(replies.overflow, request()).headers.append('x-a', '1')
    expect(replyHead(replies.overflow, request()).headers.has('x-a')).toBe(false)
  })
})

test.each([
  ['0', 200],
  ['13', 500],
  ['14', 503],
  ['99', 500],
  ['x', 500],
])('grpc-status %s counts as %i', (status, expected) => {
  expect(httpStatusOfGrpc(status)).toBe(expected)
})
