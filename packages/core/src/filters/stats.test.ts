import { expect, test } from 'vitest'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { unknownPeer } from '../exchange/peer.ts'
import { silentLogger } from '../runtime/log.ts'
import { StandardMetrics } from '../telemetry/standard-metrics.ts'
import { ISTIO_LABELS } from '../telemetry/istio-labels.ts'
import { compileAccessLogFormat, createAccessLog } from '../telemetry/access-log.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { createAccessLogFilter } from './access-log.ts'
import { createStatsFilter } from './stats.ts'

function grpcExchange(side: 'inbound' | 'outbound'): Exchange {
  const headers = new HeaderMap(['content-type', 'application/grpc'])
  const x = new Exchange(side, new RequestHead('POST', 'http', 'a', '/a.B/C', headers), null, 0, 0)
  x.response = new ResponseHead(200, new HeaderMap(['content-type', 'application/grpc']))
  return x
}

test.each([
  ['outbound', 'source'],
  ['inbound', 'destination'],
] as const)('%s requests are reported by the %s at completion, with the status of the trailers', (side, reporter) => {
  const metrics = new StandardMetrics({ self: unknownPeer, log: silentLogger })
  const filter = createStatsFilter(metrics, side)
  const x = grpcExchange(side)
  filter.onTrailers?.(x, new HeaderMap(['grpc-status', '5']))
  expect(metrics.size).toBe(0)
  filter.onComplete?.(x)
  const [series] = [...metrics.series()]
  expect(series?.requests).toBe(1)
  expect(series?.labels[0]).toBe(reporter)
  expect(series?.labels[ISTIO_LABELS.indexOf('grpc_response_status')]).toBe('5')
})

test('each access log gets its line at completion', () => {
  const lines: string[] = []
  const log = (name: string) =>
    createAccessLog(compileAccessLogFormat({ kind: 'text', text: `${name} %GRPC_STATUS_NUMBER%` }, new FakeClock()), {
      write: (line) => void lines.push(line),
    })
  const filter = createAccessLogFilter([log('a'), log('b')])
  const x = grpcExchange('outbound')
  filter?.onTrailers?.(x, new HeaderMap(['grpc-status', '7']))
  expect(lines).toEqual([])
  filter?.onComplete?.(x)
  expect(lines).toEqual(['a 7', 'b 7'])
})

test('no access log is no filter', () => {
  expect(createAccessLogFilter([])).toBeNull()
})
