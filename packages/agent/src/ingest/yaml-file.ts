// A YAML or JSON file as the objects in it, each knowing the lines of its fields (YAML 1.2, Kubernetes' `kind: List`).
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar, type Document, type Node } from 'yaml'
import { camelCase } from '../model/field.ts'
import type { FieldPath } from '../model/kind.ts'
import type { Problem, Source } from './config-store.ts'

/** An object as it stands in a file. */
export interface RawObject {
  readonly value: Readonly<Record<string, unknown>>
  readonly source: Source
}

/** What a file holds: its objects, or why it can't be read. */
export type YamlFile =
  | { readonly ok: true; readonly objects: readonly RawObject[]; readonly problems: readonly Problem[] }
  | { readonly ok: false; readonly problem: Problem }

/** Reads a file. A syntax error anywhere spoils the file as a whole: half a file says something else than its author. */
export function readYaml(file: string, text: string): YamlFile {
  const lines = new LineCounter()
  const objects: RawObject[] = []
  const problems: Problem[] = []
  const fail = (offset: number, message: string): YamlFile => {
    return { ok: false, problem: problemAt(file, lines.linePos(offset).line, message) }
  }
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false })
  for (const document of documents as Document.Parsed[]) {
    const error = document.errors[0]
    if (error !== undefined) return fail(error.pos[0], `is not valid YAML: ${error.message}`)
    if (document.contents === null) continue
    let value: unknown
    try {
      value = document.toJS()
      // An anchor inside itself makes an endless object.
      if (text.includes('&')) JSON.stringify(value)
    } catch (reason) {
      return fail(document.range[0], `is not valid YAML: ${reason instanceof Error ? reason.message : String(reason)}`)
    }
    if (value === null) continue
    for (const [item, path] of itemsOf(value)) {
      const source = new YamlSource(file, document, lines, path)
      if (isObject(item)) objects.push({ value: item, source })
      else problems.push(problemAt(file, source.line([]), 'is not an object: give apiVersion, kind and metadata'))
    }
  }
  return { ok: true, objects, problems }
}

/** The lines of one object of a document. */
class YamlSource implements Source {
  readonly file: string
  readonly #document: Document
  readonly #lines: LineCounter
  readonly #root: FieldPath

  constructor(file: string, document: Document, lines: LineCounter, root: FieldPath) {
    this.file = file
    this.#document = document
    this.#lines = lines
    this.#root = root
  }

  line(path: FieldPath): number {
    let node: Node | null = this.#resolve(this.#document.contents as Node | null)
    let offset = node?.range?.[0] ?? 0
    for (const key of [...this.#root, ...path]) {
      const next = child(node, key)
      if (next === null) break
      offset = next.offset
      node = this.#resolve(next.node)
    }
    return this.#lines.linePos(offset).line
  }

  /** For an object inside a block scalar (a ConfigMap's `mesh: |`): lines of the inner text, as lines of this file. */
  inner(path: FieldPath, text: string): Source {
    const node = this.#document.getIn([...this.#root, ...path], true)
    const block = isScalar(node) && (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED)
    const header = isScalar(node) ? this.#lines.linePos(node.range?.[0] ?? 0).line : this.line(path)
    const inside = readYaml(this.file, text)
    const object = inside.ok ? inside.objects[0] : undefined
    return {
      file: this.file,
      line: (field) => (block && object !== undefined ? header + object.source.line(field) : header),
    }
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node
  }
}

/** Lines of an object inside the text at `path` of an object read by `readYaml`. */
export function innerSource(source: Source, path: FieldPath, text: string): Source {
  return source instanceof YamlSource ? source.inner(path, text) : source
}

// A key counts from where it stands, not from where its value begins; camelCase finds snake_case.
function child(node: Node | null, key: string | number): { offset: number; node: Node | null } | null {
  if (isSeq(node)) {
    const item = node.items[Number(key)] as Node | undefined
    return item === undefined ? null : { offset: item.range?.[0] ?? 0, node: item }
  }
  if (!isMap(node)) return null
  const wanted = String(key)
  let found = node.items.find((pair) => keyOf(pair.key) === wanted)
  found ??= node.items.find((pair) => camelCase(keyOf(pair.key)) === wanted)
  if (found === undefined) return null
  return { offset: (found.key as Node).range?.[0] ?? 0, node: (found.value as Node | null) ?? null }
}

function keyOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : String(key)
}

function* itemsOf(value: unknown): Generator<[unknown, FieldPath]> {
  if (!isObject(value) || !Array.isArray(value['items']) || !/^[A-Za-z]*List$/.test(String(value['kind']))) {
    yield [value, []]
    return
  }
  for (const [i, item] of value['items'].entries()) yield [item, ['items', i]]
}

/** A plain object, not null and not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function problemAt(file: string, line: number, message: string): Problem {
  return { severity: 'error', file, line, object: null, field: null, message }
}
