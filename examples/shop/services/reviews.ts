// A plain HTTP service. Nothing here knows of a mesh.
import http from 'node:http'

const { HOST = '127.0.0.1', PORT = '9080', VERSION = 'v1' } = process.env

const server = http.createServer((request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({ version: VERSION, path: request.url, reviews: [{ stars: 5, text: 'A comedy of errors.' }] }),
  )
})
server.listen(Number(PORT), HOST)
