// The heads of a request and of a response: what filters and routes read and change. Bodies never enter core.
import type { HeaderMap } from './header-map.ts'

/** Pseudo headers and fields of a request. Mutable: filters and routes rewrite it before it leaves. */
export class RequestHead {
  method: string
  scheme: 'http' | 'https'
  /** Host header or :authority, as the caller gave it. */
  authority: string
  /** Path with its query. */
  path: string
  readonly headers: HeaderMap

  constructor(method: string, scheme: 'http' | 'https', authority: string, path: string, headers: HeaderMap) {
    this.method = method
    this.scheme = scheme
    this.authority = authority
    this.path = path
    this.headers = headers
  }
}

/** Status and fields of a response. */
export class ResponseHead {
  status: number
  readonly headers: HeaderMap

  constructor(status: number, headers: HeaderMap) {
    this.status = status
    this.headers = headers
  }
}
