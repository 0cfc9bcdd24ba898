// Fetches a URL once, says the status, and stays.
import http from 'node:http'

const response = await fetch(process.env['URL'] as string)
await response.arrayBuffer()
console.log(`status ${response.status}`)
http.createServer().listen(0, '127.0.0.1')
