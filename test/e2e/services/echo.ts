// Answers with the request as it arrived, and says on stdout when a caller goes away before the answer.
import http from 'node:http'

const { HOST, PORT = '9000' } = process.env

const server = http.createServer((request, response) => {
  if (request.url?.startsWith('/hang')) {
    response.on('close', () => console.log(`gone ${request.url}`))
    console.log(`hanging ${request.url}`)
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ headers: request.headers, body: Buffer.concat(chunks).toString() }))
  })
})
server.listen(Number(PORT), HOST)
