import type { IncomingMessage, ServerResponse } from 'node:http'
import http from 'node:http'
import net from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyRequestHead, requestHead, responseHead } from './node-headers.ts'

/** A request as node:http's parser makes it. */
function request(url: string, raw: string[], method = 'GET'): IncomingMessage {
  const req = new http.IncomingMessage(new net.Socket())
  req.method = method
  req.url = url
  ;(req as unknown as { _addHeaderLines(raw: string[], n: number): void })._addHeaderLines(raw, raw.length)
  return req
}

describe('the head of a request', () => {
  test.each([
    ['/a?b=c', 'GET', 'h', '/a?b=c'],
    ['*', 'OPTIONS', 'h', '*'],
    ['http://o:1/a?b', 'GET', 'o:1', '/a?b'],
    ['HTTP://o', 'GET', 'o', '/'],
    ['http://o?q', 'GET', 'o', '/?q'],
    ['o:443', 'CONNECT', 'o:443', ''],
  ])('for target %s of %s has authority %s and path %s', (url, method, authority, path) => {
    const head = requestHead(request(url, ['Host', 'h'], method))
    expect([head.method, head.scheme, head.authority, head.path]).toEqual([method, 'http', authority, path])
    expect(head.headers.flat).toEqual(['host', 'h'])
  })

  test('without a Host field has an empty authority', () => {
    expect(requestHead(request('/', [])).authority).toBe('')
  })
})

const names = ['accept', 'cookie', 'set-cookie', 'content-type', 'x-a', 'x-b', 'host'] as const
const field = fc.tuple(fc.constantFrom(...names), fc.constantFrom('1', '2', '3'))

describe('what the request phase has changed', () => {
  test('is what the application sees, as if it had come so', () => {
    const edit = fc.record({ kind: fc.constantFrom('set', 'append', 'remove'), field })
    fc.assert(
      fc.property(fc.array(field, { maxLength: 8 }), fc.array(edit, { maxLength: 5 }), (fields, edits) => {
        const req = request('/', fields.flat())
        const head = requestHead(req)
        // Read before the request phase, as node:http itself does.
        void req.headers
        for (const {
          kind,
          field: [name, value],
        } of edits) {
          if (kind === 'set') head.headers.set(name, value)
          else if (kind === 'append') head.headers.append(name, value)
          else head.headers.remove(name)
        }
        head.authority = req.headers.host ?? ''
        applyRequestHead(req, head)
        const fresh = request('/', head.headers.flat.slice())
        expect(req.rawHeaders).toEqual(fresh.rawHeaders)
        expect(req.headers).toEqual(fresh.headers)
        expect(req.headersDistinct).toEqual(fresh.headersDistinct)
      }),
    )
  })

  test('keeps the names of the rest as the caller wrote them', () => {
    const req = request('/', ['Host', 'h', 'X-Gone', '1', 'X-Stays', '2'])
    const head = requestHead(req)
    head.headers.remove('x-gone')
    head.headers.append('x-new', '3')
    applyRequestHead(req, head)
    expect(req.rawHeaders).toEqual(['Host', 'h', 'X-Stays', '2', 'x-new', '3'])
  })

  test.each(['/a', 'http://o/a'])('leaves the target %s alone that it has not changed', (url) => {
    const req = request(url, ['Host', 'h'])
    const head = requestHead(req)
    applyRequestHead(req, head)
    expect([req.url, req.headers.host]).toEqual([url, 'h'])
  })

  test('may be method, path and authority', () => {
    const req = request('/a', ['Host', 'h'])
    const head = requestHead(req)
    head.method = 'POST'
    head.path = '/b'
    head.authority = 'i'
    applyRequestHead(req, head)
    expect([req.method, req.url, req.headers.host, req.rawHeaders]).toEqual(['POST', '/b', 'i', ['host', 'i']])
  })
})

describe('the head of a response', () => {
  const response = (set: Record<string, string | number | string[]>): ServerResponse => {
    const res = new http.ServerResponse(request('/', []))
    for (const [name, value] of Object.entries(set)) res.setHeader(name, value)
    return res
  }

  test.each<[string, Record<string, string | number | string[]>, unknown, string[]]>([
    ['fields set before', { 'X-A': 'a', 'x-n': 1 }, undefined, ['x-a', 'a', 'x-n', '1']],
    [
      'fields of an object',
      {},
      { 'X-A': 'a', 'x-n': 1, 'x-m': ['1', '2'] },
      ['x-a', 'a', 'x-n', '1', 'x-m', '1', 'x-m', '2'],
    ],
    ['fields of a flat list', {}, ['X-A', 'a', 'x-a', 'b'], ['x-a', 'a', 'x-a', 'b']],
    [
      'fields of a list of pairs',
      {},
      [
        ['X-A', 'a'],
        ['x-a', 'b'],
      ],
      ['x-a', 'a', 'x-a', 'b'],
    ],
    ['an object over fields set before', { 'x-a': '0', 'x-b': 'b' }, { 'X-A': 'a' }, ['x-b', 'b', 'x-a', 'a']],
    ['a list over fields set before', { 'x-a': '0' }, ['X-A', 'a', 'X-A', 'b'], ['x-a', 'a', 'x-a', 'b']],
  ])('has %s', (_, set, fields, flat) => {
    expect(responseHead(response(set), 200, fields as never)?.headers.flat).toEqual(flat)
  })

  test.each([[{ 'x-a': undefined }], [{ 'x-a': null }], [['x-a', undefined]]])('is none for %o', (fields) => {
    expect(responseHead(response({}), 200, fields as never)).toBe(null)
  })
})
