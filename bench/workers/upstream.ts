// An upstream that answers 1 KB on 127.0.0.1 and 127.0.0.2; its port is its first answer.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { serveWorker } from '../worker.ts'

const body = Buffer.alloc(1024, 'x')
const server = http.createServer((request, response) => {
  request.resume()
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': body.length,
    'x-local-address': (request.socket.localAddress ?? '').replace('::ffff:', ''),
  })
  response.end(body)
})
server.keepAliveTimeout = 0
serveWorker(
  () =>
    new Promise<{ port: number }>((resolve) => {
      if (server.listening) resolve({ port: (server.address() as AddressInfo).port })
      else server.listen(0, () => resolve({ port: (server.address() as AddressInfo).port }))
    }),
)
