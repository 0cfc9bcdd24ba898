// Query parameter matching (config/route/v3 QueryParameterMatcher), compiled. The first parameter of a name counts, and
// names and values are compared as they stand in the URL: Envoy does not undo percent-encoding for routes.
import type { QueryParameterMatch } from '../resources/matchers.ts'
import { StringMatcher } from './string.ts'

/** A compiled QueryParameterMatcher. */
export class QueryParameterMatcher {
  readonly #name: string
  readonly #string: StringMatcher | null
  readonly #present: boolean

  constructor(parameter: QueryParameterMatch) {
    const { match } = parameter
    this.#name = parameter.name
    this.#string = match.kind === 'string' ? new StringMatcher(match.string) : null
    this.#present = match.kind === 'string' || match.present
  }

  /** `end` is `pathEnd(path)`, where the query begins if there is one. */
  matches(path: string, end: number): boolean {
    const value = queryParameter(path, end, this.#name)
    if (this.#string === null) return (value !== null) === this.#present
    return value !== null && this.#string.matches(value)
  }
}

/** The first value of a parameter, '' when it has no `=`; null when there is none of that name. */
export function queryParameter(path: string, pathEnd: number, name: string): string | null {
  if (path.charCodeAt(pathEnd) !== 0x3f) return null
  const hash = path.indexOf('#', pathEnd)
  const end = hash < 0 ? path.length : hash
  for (let at = pathEnd + 1; at < end; ) {
    let stop = path.indexOf('&', at)
    if (stop < 0 || stop > end) stop = end
    const after = at + name.length
    if (after <= stop && path.startsWith(name, at)) {
      if (after === stop) return ''
      if (path.charCodeAt(after) === 0x3d) return path.slice(after + 1, stop)
    }
    at = stop + 1
  }
  return null
}
