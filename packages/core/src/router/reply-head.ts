// The response head of a local reply (Envoy's sendLocalReply): text for HTTP, a trailers-only response for gRPC.
import { HeaderMap } from '../exchange/header-map.ts'
import { type RequestHead, ResponseHead } from '../exchange/head.ts'
import type { Reply } from '../exchange/reply.ts'
import { grpcStatusOfHttp, isGrpcContentType, parseGrpcStatus } from '../telemetry/grpc-status.ts'

/** The head to send for `reply`. A gRPC request gets its status in `grpc-status`, and an adapter sends it no body. */
export function replyHead(reply: Reply, request: RequestHead): ResponseHead {
  if (isGrpc(request)) {
    const status = String(reply.grpcStatus ?? grpcStatusOfHttp(reply.status))
    const flat = ['content-type', 'application/grpc', 'grpc-status', status]
    if (reply.body !== '') flat.push('grpc-message', percentEncoded(reply.body))
    flat.push(...reply.headers)
    return new ResponseHead(200, new HeaderMap(flat))
  }
  const flat = [...reply.headers]
  if (reply.body !== '') {
    if (!reply.headers.includes('content-type')) flat.push('content-type', 'text/plain')
    flat.push('content-length', String(Buffer.byteLength(reply.body)))
  }
  return new ResponseHead(reply.status, new HeaderMap(flat))
}

/** Whether a request is gRPC, by its content-type. */
export function isGrpc(request: RequestHead): boolean {
  const type = request.headers.get('content-type')
  return type !== null && isGrpcContentType(type)
}

/** A response's status as outlier detection counts it: that of a gRPC response whose head says how it ended, else its own. */
export function outlierStatus(request: RequestHead, head: ResponseHead): number {
  const status = head.status === 200 ? head.headers.get('grpc-status') : null
  return status === null || !isGrpc(request) ? head.status : httpStatusOfGrpc(status)
}

/** The HTTP status of the text of a grpc-status (google.rpc.Code), as outlier detection counts it. */
export function httpStatusOfGrpc(grpcStatus: string): number {
  return HTTP_STATUSES[parseGrpcStatus(grpcStatus)] ?? 500
}

// As gRPC's PROTOCOL-HTTP2.md has it: printable ASCII but for the percent sign stays.
function percentEncoded(text: string): string {
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]+/gu, encodeURIComponent)
}

const HTTP_STATUSES = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401]
