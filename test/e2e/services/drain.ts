// Fetches what its caller asks for, counts the bytes, and answers with the count and the most private memory it took.
import { readFileSync } from 'node:fs'
import http from 'node:http'

const { HOST, PORT = '8000' } = process.env

/** Private memory in MiB: what this process alone holds. */
function privateMemory(): number {
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

const server = http.createServer((request, response) => {
  const answer = async (): Promise<void> => {
    const upstream = await fetch(`http://stream:9000${request.url}`)
    let bytes = 0
    let most = 0
    for await (const chunk of upstream.body as AsyncIterable<Uint8Array>) {
      const before = bytes
      bytes += chunk.length
      if (before >> 24 !== bytes >> 24) most = Math.max(most, privateMemory())
    }
    response.end(JSON.stringify({ status: upstream.status, bytes, privateMiB: Math.round(most) }))
  }
  answer().catch((error: unknown) => {
    response.statusCode = 500
    response.end(String(error))
  })
})
server.listen(Number(PORT), HOST)
