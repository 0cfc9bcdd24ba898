// A plain HTTP service. With BROKEN=1 every answer is an error, as of an instance whose disk is full.
import http from 'node:http'

const { HOST = '127.0.0.1', PORT = '5678', VERSION = 'v1', BROKEN } = process.env

const server = http.createServer((_request, response) => {
  response.writeHead(BROKEN === '1' ? 500 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ version: VERSION, broken: BROKEN === '1' }))
})
server.listen(Number(PORT), HOST)
