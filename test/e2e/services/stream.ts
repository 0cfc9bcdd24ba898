// Sends as many bytes as the path says, as fast as they are taken: /BYTES.
import http from 'node:http'
import { Readable } from 'node:stream'

const { HOST, PORT = '9000' } = process.env
const chunk = Buffer.alloc(64 * 1024, 'x')

function* bytes(count: number): Generator<Buffer> {
  for (let left = count; left > 0; left -= chunk.length) yield left < chunk.length ? chunk.subarray(0, left) : chunk
}

const server = http.createServer((request, response) => {
  Readable.from(bytes(Number(request.url?.slice(1))), { objectMode: false, highWaterMark: chunk.length }).pipe(response)
})
server.listen(Number(PORT), HOST)
