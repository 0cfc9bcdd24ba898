// A node:http server over connections that live in memory; under `--import @inmesh/http/register` it is in the mesh. Told
// how many requests, it answers with the CPU microseconds and the allocated bytes of each.
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { allocatedBytes, serveWorker } from '../worker.ts'

const CONNECTIONS = 16
const address = process.env['INSTANCE_IP'] ?? '127.0.0.1'
const request = Buffer.from(process.env['REQUEST'] ?? '')
const body = Buffer.alloc(1024, 'x')
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': body.length })
  response.end(body)
})
server.keepAliveTimeout = 0

let left = 0
let pending = 0
let settle: () => void = () => {}

/** The server's end of a connection whose peer asks again as soon as it is answered. */
class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 1
  readonly localAddress = address
  readonly localPort: number = (server.address() as AddressInfo).port

  ask(): void {
    left--
    pending++
    this.push(request)
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#answered(chunk.length)
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    let length = 0
    for (const { chunk } of chunks) length += chunk.length
    this.#answered(length)
    done()
  }

  setTimeout(): this {
    return this
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  destroySoon(): void {
    this.destroy()
  }

  #answered(length: number): void {
    if (length < body.length) throw new Error(`an answer of ${length} bytes`)
    pending--
    if (left > 0) setImmediate(again, this)
    else if (pending === 0) setImmediate(settle)
  }
}

function again(socket: MemorySocket): void {
  if (left > 0) socket.ask()
  else if (pending === 0) settle()
}

/** Connections that the mesh, where there is one, has decided on: the first one waits for the inbound policy. */
async function open(): Promise<MemorySocket[]> {
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve, reject) => {
    http
      .get({ host: address, port, agent: false }, (response) => response.resume().on('end', resolve))
      .on('error', reject)
  })
  return Array.from({ length: CONNECTIONS }, () => {
    const socket = new MemorySocket()
    server.emit('connection', socket)
    return socket
  })
}

const opened = open()

serveWorker(async ({ requests }: { readonly requests: number }) => {
  const sockets = await opened
  const allocated = allocatedBytes()
  const cpu = process.cpuUsage()
  left = requests
  await new Promise<void>((resolve) => {
    settle = resolve
    for (const socket of sockets) socket.ask()
  })
  const used = process.cpuUsage(cpu)
  return { us: (used.user + used.system) / requests, bytes: (allocatedBytes() - allocated) / requests }
})
