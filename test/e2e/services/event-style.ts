// A bare node:http server that reads its body by events and calls on with fetch at the end. A caller that goes away takes
// the call with it, by an AbortController of the service's own.
import http from 'node:http'

const { HOST, PORT = '8000' } = process.env

const server = http.createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (chunk: string) => {
    body += chunk
  })
  request.on('end', () => {
    const abort = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) abort.abort()
    })
    fetch(`http://echo:9000${request.url}`, { method: 'POST', body, signal: abort.signal })
      .then((upstream) => upstream.text())
      .then(
        (text) => response.end(text),
        (error: unknown) => {
          console.log(`failed ${request.url} ${(error as Error).name}`)
          response.destroy()
        },
      )
  })
})
server.listen(Number(PORT), HOST)
