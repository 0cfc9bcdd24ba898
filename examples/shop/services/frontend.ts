// The shop's front: a bare node:http server that calls the other services by their names, as it would in any cluster.
// It reads a body by its events and calls on at the end, which is how much older code does it.
import http from 'node:http'

const { HOST = '127.0.0.1', PORT = '8000' } = process.env

const server = http.createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    answer(request, Buffer.concat(chunks), response).catch((error: unknown) => {
      response.writeHead(502, { 'content-type': 'text/plain' })
      response.end(String(error))
    })
  })
})

async function answer(request: http.IncomingMessage, body: Buffer, response: http.ServerResponse): Promise<void> {
  const upstream = await callOn(request.url ?? '/', body)
  response.writeHead(upstream.status, { 'content-type': upstream.headers.get('content-type') ?? 'text/plain' })
  response.end(Buffer.from(await upstream.arrayBuffer()))
}

function callOn(path: string, body: Buffer): Promise<Response> {
  if (path.startsWith('/reviews')) return fetch(`http://reviews:9080${path}`)
  if (path.startsWith('/api/payments'))
    return fetch(`http://payments-api:8080${path}`, { method: 'POST', body: new Uint8Array(body) })
  if (path.startsWith('/backend')) return fetch('http://backend/')
  return Promise.resolve(new Response('not found', { status: 404 }))
}

server.listen(Number(PORT), HOST)
