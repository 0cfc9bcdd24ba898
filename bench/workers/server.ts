// A node:http server that answers 1 KB; under `--import @inmesh/http/register` it is in the mesh. Its answers are its port,
// and the CPU microseconds and allocated bytes since the last question.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { allocatedBytes, serveWorker } from '../worker.ts'

const body = Buffer.alloc(1024, 'x')
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length })
  response.end(body)
})
server.keepAliveTimeout = 0
const listening = new Promise<void>((resolve) => server.listen(0, process.env['INSTANCE_IP'] ?? '127.0.0.1', resolve))
let cpu = process.cpuUsage()
let allocated = allocatedBytes()

serveWorker(async () => {
  await listening
  const used = process.cpuUsage(cpu)
  const bytes = allocatedBytes() - allocated
  cpu = process.cpuUsage()
  allocated = allocatedBytes()
  return { port: (server.address() as AddressInfo).port, us: used.user + used.system, bytes }
})
