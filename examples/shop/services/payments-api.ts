// A plain HTTP service that takes payments and answers with a receipt.
import http from 'node:http'

const { HOST = '127.0.0.1', PORT = '8080', VERSION = 'v1' } = process.env
let receipts = 0

const server = http.createServer((request, response) => {
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  request.on('end', () => {
    response.writeHead(201, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ version: VERSION, receipt: ++receipts, bytes }))
  })
})
server.listen(Number(PORT), HOST)
