// What a meshed server does when node:http has read a request's head: the request phase runs first, and then the event
// goes on to the application, or a local reply to the peer. `upgrade`, `connect`, `checkContinue` and `checkExpectation`
// are held to the same rules as `request`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { HeaderMap, type InboundReply, ResponseHead } from '@inmesh/core'
import type { AdmittedConnection } from './connection.ts'
import { faultReply, sendRawReply, sendReply } from './local-reply.ts'
import { applyRequestHead, requestHead } from './node-headers.ts'
import { type Served, ServerCall } from './server-call.ts'

/** Gives an event to the application. */
export type Forward = (event: string, a: unknown, b: unknown, c?: unknown) => boolean

/** `request`, `checkContinue` and `checkExpectation`. Says whether somebody listens, as emit does. */
export function onRequest(
  served: Served,
  connection: AdmittedConnection,
  forward: Forward,
  event: string,
  req: IncomingMessage,
  res: ServerResponse,
): boolean {
  // A peer in the mesh keeps connections by its own idle timeout; a hint of ours would cut it short.
  ;(res as { _keepAliveTimeout?: number })._keepAliveTimeout = 0
  const call = open(served, connection, req, res)
  if (call === null) {
    res.writeHead(500, { 'content-length': 0 }).end()
    return true
  }
  const outcome = begin(call)
  if (outcome === 'continue') return deliver(call, forward, event, res)
  if (!(outcome instanceof Promise)) {
    answer(call, res, outcome)
    return true
  }
  void outcome.then((settled) => {
    // Its socket is gone, and nobody would read an answer.
    if (call.completed) return
    if (settled === 'continue') process.nextTick(deliver, call, forward, event, res)
    else answer(call, res, settled)
  })
  return true
}

/** `upgrade` and `connect`. node:http has let go of the socket: until the application has it, its errors are ours. */
export function onUpgrade(
  served: Served,
  connection: AdmittedConnection,
  forward: Forward,
  event: string,
  [req, stream, head]: readonly [IncomingMessage, Duplex, Buffer],
): boolean {
  const call = open(served, connection, req, null)
  if (call === null) {
    stream.on('error', ignore).destroy()
    return true
  }
  const outcome = begin(call)
  if (outcome === 'continue') return deliverUpgrade(call, forward, event, stream, head)
  stream.on('error', ignore)
  if (!(outcome instanceof Promise)) {
    sendRawReply(call, stream, outcome)
    return true
  }
  void outcome.then((settled) => {
    if (call.completed || stream.destroyed) return
    if (settled === 'continue') process.nextTick(deliverUpgrade, call, forward, event, stream, head)
    else sendRawReply(call, stream, settled)
  })
  return true
}

/** Null: a fault of ours, and nothing is let in. */
function open(
  served: Served,
  connection: AdmittedConnection,
  req: IncomingMessage,
  res: ServerResponse | null,
): ServerCall | null {
  try {
    return new ServerCall(served, connection, requestHead(req), req, res)
  } catch (error) {
    served.mesh.log.error('a request could not be taken', { error: String(error) })
    return null
  }
}

/** The request phase; a fault in it refuses the request. */
function begin(call: ServerCall): 'continue' | InboundReply | Promise<'continue' | InboundReply> {
  try {
    const outcome = call.inbound.begin()
    return outcome instanceof Promise ? outcome.catch((error: unknown) => fault(call, error)) : outcome
  } catch (error) {
    return fault(call, error)
  }
}

function fault(call: ServerCall, error: unknown): InboundReply {
  call.served.mesh.log.error('the request phase failed', { error: String(error), path: call.head.path })
  return faultReply()
}

/** An answer that cannot be sent ends the connection, and harms nobody else. */
function answer(call: ServerCall, res: ServerResponse, reply: InboundReply): void {
  try {
    sendReply(call, res, reply)
  } catch (error) {
    call.served.mesh.log.error('a local reply could not be sent', { error: String(error) })
    res.destroy()
  }
}

function deliver(call: ServerCall, forward: Forward, event: string, res: ServerResponse): boolean {
  if (call.completed) return true
  applyRequestHead(call.req, call.head)
  return call.enter(forward, event, call.req, res)
}

function deliverUpgrade(call: ServerCall, forward: Forward, event: string, stream: Duplex, head: Buffer): boolean {
  if (call.completed) return true
  applyRequestHead(call.req, call.head)
  call.takeOver(head.length)
  watchHead(call, stream)
  const give = (name: string, req: unknown, taken: unknown): boolean => forward(name, req, taken, head)
  const heard = call.enter(give, event, call.req, stream)
  stream.removeListener('error', ignore)
  return heard
}

/**
 * The application writes the response's head itself. Its status line is read from the first write, so that telemetry has
 * it; the response phase cannot change these bytes any more.
 */
function watchHead(call: ServerCall, stream: Duplex): void {
  const restore = (): void => {
    Reflect.deleteProperty(stream, 'write')
    Reflect.deleteProperty(stream, 'end')
  }
  const read = (chunk: unknown): void => {
    if (chunk === undefined || chunk === null || typeof chunk === 'function') return
    restore()
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk as Uint8Array).toString('latin1')
    const status = STATUS_LINE.exec(text)
    if (status === null) return
    call.responded = true
    call.inbound.onResponse(new ResponseHead(Number(status[1]), new HeaderMap()))
  }
  own(stream, 'write', function (this: Duplex, ...args: unknown[]) {
    read(args[0])
    return Reflect.apply(Object.getPrototypeOf(this).write, this, args) as boolean
  })
  own(stream, 'end', function (this: Duplex, ...args: unknown[]) {
    read(args[0])
    return Reflect.apply(Object.getPrototypeOf(this).end, this, args) as Duplex
  })
}

function own(stream: Duplex, name: string, value: (this: Duplex, ...args: unknown[]) => unknown): void {
  Object.defineProperty(stream, name, { value, writable: true, configurable: true, enumerable: false })
}

function ignore(): void {}

const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)/
