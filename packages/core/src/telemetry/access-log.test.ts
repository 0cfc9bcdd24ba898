import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Connection } from '../exchange/connection.ts'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { CompiledRoute } from '../route/route.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { compileAccessLogFormat, createAccessLog } from './access-log.ts'
import { ISTIO_JSON_FIELDS, ISTIO_TEXT_FORMAT } from './istio-access-log-format.ts'

const connection: Connection = {
  remoteAddress: '::1',
  remotePort: 5000,
  localAddress: '10.0.0.1',
  localPort: 9080,
  mtls: false,
  principal: null,
  alpn: null,
  serverName: 'outbound_.9080_._.reviews',
}

function whole(): Exchange {
  const headers = new HeaderMap(['user-agent', 'curl/8', 'x-request-id', 'id-1', 'x-forwarded-for', '1.2.3.4'])
  const x = new Exchange(
    'inbound',
    new RequestHead('GET', 'http', 'reviews:9080', '/reviews/0?a=b', headers),
    connection,
    1_234,
    0,
  )
  x.response = new ResponseHead(200, new HeaderMap(['x-envoy-upstream-service-time', '7']))
  x.route = { name: 'default' } as CompiledRoute
  x.cluster = { name: 'outbound|9080||reviews', resource: { altStatName: 'alt' } } as Cluster
  x.endpoint = { key: '10.0.0.2:9080' } as Endpoint
  x.details = 'via_upstream'
  x.requestBodyBytes = 3
  x.responseBodyBytes = 375
  x.respondedAt = 1_240
  x.completedAt = 1_245.9
  return x
}

function bare(): Exchange {
  const x = new Exchange('outbound', new RequestHead('GET', 'http', '', '/', new HeaderMap()), null, 1_234, 0)
  x.flags = ResponseFlag.DownstreamConnectionTermination
  return x
}

function clock(): FakeClock {
  const turned = new FakeClock(Date.UTC(2026, 10, 20, 13, 0, 0))
  turned.advance(5_000)
  return turned
}

function text(format: string, x: Exchange): string {
  return compileAccessLogFormat({ kind: 'text', text: format }, clock()).line(x)
}

function json(fields: Readonly<Record<string, unknown>>, x: Exchange): unknown {
  const line = compileAccessLogFormat({ kind: 'json', fields }, clock()).line(x)
  expect(line.endsWith('\n')).toBe(true)
  return JSON.parse(line)
}

describe("Istio's text format", () => {
  test('is understood whole', () => {
    const compiled = compileAccessLogFormat({ kind: 'text', text: ISTIO_TEXT_FORMAT }, clock())
    expect(compiled.warnings).toEqual([])
    expect(compiled.errors).toEqual([])
  })

  test('prints a request that went well', () => {
    expect(text(ISTIO_TEXT_FORMAT, whole())).toBe(
      '[2026-11-20T13:00:01.234Z] "GET /reviews/0?a=b HTTP/1.1" 200 - via_upstream - "-" 3 375 11 7 "1.2.3.4" "curl/8" ' +
        '"id-1" "reviews:9080" "10.0.0.2:9080" outbound|9080||reviews - 10.0.0.1:9080 [::1]:5000 ' +
        'outbound_.9080_._.reviews default\n',
    )
  })

  test('prints - for all that is missing', () => {
    expect(text(ISTIO_TEXT_FORMAT, bare())).toBe(
      '[2026-11-20T13:00:01.234Z] "GET / HTTP/1.1" 0 DC - - "-" 0 0 - - "-" "-" "-" "-" "-" - - - - - -\n',
    )
  })
})

describe("Istio's JSON fields", () => {
  test('keep numbers as numbers', () => {
    expect(json(ISTIO_JSON_FIELDS, whole())).toEqual({
      start_time: '2026-11-20T13:00:01.234Z',
      route_name: 'default',
      method: 'GET',
      path: '/reviews/0?a=b',
      protocol: 'HTTP/1.1',
      response_code: 200,
      response_flags: '-',
      response_code_details: 'via_upstream',
      connection_termination_details: null,
      bytes_received: 3,
      bytes_sent: 375,
      duration: 11,
      upstream_service_time: '7',
      x_forwarded_for: '1.2.3.4',
      user_agent: 'curl/8',
      request_id: 'id-1',
      authority: 'reviews:9080',
      upstream_host: '10.0.0.2:9080',
      upstream_cluster: 'outbound|9080||reviews',
      upstream_local_address: null,
      downstream_local_address: '10.0.0.1:9080',
      downstream_remote_address: '[::1]:5000',
      requested_server_name: 'outbound_.9080_._.reviews',
      upstream_transport_failure_reason: null,
    })
  })

  test('may be nested, mixed and literal', () => {
    const fields = {
      a: { b: ['%RESPONSE_CODE%', 'code %RESPONSE_CODE% of %REQ(X-NONE)%'] },
      n: 1,
      t: true,
      z: null,
      p: '100%%',
    }
    expect(json(fields, whole())).toEqual({ a: { b: [200, 'code 200 of -'] }, n: 1, t: true, z: null, p: '100%' })
  })
})

describe('operators', () => {
  test.each([
    ['%REQ(X-NONE?USER-AGENT)%', 'curl/8'],
    ['%REQ(USER-AGENT):4%', 'curl'],
    ['%REQ(:SCHEME)%', 'http'],
    ['%RESP(:STATUS)%', '200'],
    ['%RESPONSE_DURATION%', '6'],
    ['%UPSTREAM_CLUSTER%', 'alt'],
    ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '::1'],
    ['%UPSTREAM_REQUEST_ATTEMPT_COUNT%', '0'],
    ['%GRPC_STATUS_NUMBER%', '-'],
    ['100%%', '100%'],
    ['no operator', 'no operator'],
  ])('%s prints %s', (format, expected) => {
    expect(text(format, whole())).toBe(expected)
  })

  test('START_TIME follows the clock from second to second', () => {
    const at = clock()
    const { line } = compileAccessLogFormat({ kind: 'text', text: '%START_TIME%' }, at)
    expect(line(whole())).toBe('2026-11-20T13:00:01.234Z')
    at.advance(60_000)
    const later = new Exchange('inbound', whole().request, null, 62_007, 0)
    expect(line(later)).toBe('2026-11-20T13:01:02.007Z')
    expect(line(whole())).toBe('2026-11-20T13:00:01.234Z')
  })

  test('gRPC status comes from the answer', () => {
    const x = whole()
    x.request.headers.append('content-type', 'application/grpc')
    x.response?.headers.append('grpc-status', '5')
    expect(text('%GRPC_STATUS_NUMBER% %GRPC_STATUS(NUMBER)% %TRAILER(GRPC-STATUS)%', x)).toBe('5 5 5')
  })

  test('one that is not honoured is warned of and prints -', () => {
    const compiled = compileAccessLogFormat({ kind: 'text', text: 'a %DYNAMIC_METADATA(x:y)% b' }, clock())
    expect(compiled.warnings).toEqual(['access log format: operator %DYNAMIC_METADATA(x:y)% is not honoured'])
    expect(compiled.errors).toEqual([])
    expect(compiled.line(whole())).toBe('a - b')
  })

  test.each(['100%', '%REQ(A)', 'a % b'])('%j is no format', (format) => {
    expect(compileAccessLogFormat({ kind: 'text', text: format }, clock()).errors).toHaveLength(1)
  })

  test.each(['constructor', 'toString', '__proto__', 'req(a)'])('%%%s%% is no operator', (name) => {
    expect(compileAccessLogFormat({ kind: 'text', text: `%${name}%` }, clock()).warnings).toHaveLength(1)
  })
})

describe('what a peer chose', () => {
  const nasty = 'a" 200 - "\n[2026] "\\\u001b[31m\u009b\u2028\u007f'

  function chosen(value: string): Exchange {
    const x = whole()
    x.request.path = value
    x.request.headers.set('user-agent', value)
    x.response?.headers.set('x-envoy-upstream-service-time', value)
    return Object.assign(x, {
      connection: { ...connection, serverName: value },
      details: value,
      upstreamFailure: value,
    })
  }

  test('cannot leave its place in a text line', () => {
    const line = text('"%REQ(:PATH)%" %REQUESTED_SERVER_NAME%\n', chosen(nasty))
    const escaped = 'a\\x22 200 - \\x22\\x0a[2026] \\x22\\x5c\\x1b[31m\\x9b\\u2028\\x7f'
    expect(line).toBe(`"${escaped}" ${escaped.replaceAll(' ', '\\x20')}\n`)
  })

  test('keeps one line with the same number of columns and quotes, whatever it is', () => {
    const columns = (line: string): number => line.split(/"[^"]*"| /).length
    const expected = text(ISTIO_TEXT_FORMAT, chosen('x'))
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (value) => {
        const line = text(ISTIO_TEXT_FORMAT, chosen(value))
        // oxlint-disable-next-line no-control-regex
        expect(line).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*\n$/)
        expect(line.split('"')).toHaveLength(expected.split('"').length)
        expect(columns(line)).toBe(columns(expected))
      }),
    )
  })

  test('stays one JSON line that reads back as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const line = compileAccessLogFormat({ kind: 'json', fields: ISTIO_JSON_FIELDS }, clock()).line(chosen(value))
        // oxlint-disable-next-line no-control-regex
        expect(line).toMatch(/^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*\n$/)
        expect(JSON.parse(line)).toMatchObject({ path: value, requested_server_name: value })
      }),
    )
    expect(json(ISTIO_JSON_FIELDS, chosen(nasty))).toMatchObject({ user_agent: nasty })
  })
})

test('a log whose operator fails loses the line, not the request', () => {
  const lines: string[] = []
  const log = createAccessLog(compileAccessLogFormat({ kind: 'text', text: '%UPSTREAM_CLUSTER%\n' }, clock()), {
    write: (line) => void lines.push(line),
  })
  const x = whole()
  log.write(x)
  x.cluster = { name: 'broken' } as Cluster
  log.write(x)
  expect(lines).toEqual(['alt\n'])
})
