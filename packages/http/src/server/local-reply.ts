// A local reply on its way to the peer: through node:http's response where there is one, as bytes where the application
// would have taken the connection over (upgrade, CONNECT). The response phase has run on it.
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type InboundReply, Reply, ResponseHead, HeaderMap, ResponseFlag } from '@inmesh/core'
import type { ServerCall } from './server-call.ts'

/** Sends it as the response. */
export function sendReply(call: ServerCall, res: ServerResponse, answer: InboundReply): void {
  call.responded = true
  if (call.connection.closing) res.shouldKeepAlive = false
  const body = bodyOf(answer)
  res.writeHead(answer.head.status, fieldsOf(answer, body))
  res.end(body)
}

/** Sends it on a connection that node:http has let go, and ends the connection. */
export function sendRawReply(call: ServerCall, stream: Duplex, answer: InboundReply): void {
  call.responded = true
  const body = bodyOf(answer)
  const fields = fieldsOf(answer, body)
  const { STATUS_CODES } = process.getBuiltinModule('node:http')
  let text = `HTTP/1.1 ${answer.head.status} ${STATUS_CODES[answer.head.status] ?? 'unknown'}\r\n`
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i] as string}: ${fields[i + 1] as string}\r\n`
  call.takeOver(0)
  stream.end(`${text}connection: close\r\n\r\n${body}`)
}

/** The answer to a fault of ours: the request is not let in. */
export function faultReply(): InboundReply {
  const reply = new Reply(500, '', ResponseFlag.LocalReset, 'internal_error')
  return { reply, head: new ResponseHead(500, new HeaderMap()) }
}

/** A gRPC caller reads the status from the head and nothing else. */
function bodyOf(answer: InboundReply): string {
  const type = answer.head.headers.get('content-type')
  return type !== null && type.startsWith('application/grpc') ? '' : answer.reply.body
}

/** As Envoy makes them: content-type and content-length belong to a body. */
function fieldsOf(answer: InboundReply, body: string): string[] {
  const { headers } = answer.head
  const fields = headers.flat.slice()
  if (!headers.has('content-length')) fields.push('content-length', String(Buffer.byteLength(body)))
  if (body !== '' && !headers.has('content-type')) fields.push('content-type', 'text/plain')
  return fields
}
