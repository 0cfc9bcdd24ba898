// From an object as written to an object that the model can use: metadata, kind, schema, and what is wrong with it.
import type { z } from 'zod'
import { camelCase } from '../model/field.ts'
import type { FieldPath, Kind } from '../model/kind.ts'
import { kindOf } from '../model/kinds.ts'
import { MESH_CONFIG } from '../model/mesh-config.ts'
import type { ConfigObject, Problem, Source } from './config-store.ts'
import { innerSource, isObject, readYaml, type RawObject } from './yaml-file.ts'

/** An object after reading. */
export interface ReadObject {
  /** Group, kind, namespace and name: what makes two objects the same one. '' when they can't be told. */
  readonly key: string
  /** `Kind namespace/name`; null when it can't be told. */
  readonly label: string | null
  /** Null: wrong, left out. */
  readonly object: ConfigObject | null
  readonly source: Source
  readonly problems: readonly Problem[]
}

/** Reads an object. Unknown fields are warnings, and the object is used without them. */
export function readObject(raw: RawObject): ReadObject {
  const problems = new Problems(raw.source)
  const meta = readMeta(raw, problems)
  if (meta === null) return { key: '', label: null, object: null, source: raw.source, problems: problems.list }
  problems.object = meta.label
  const object = meta.kind === null ? withoutKind(raw, meta, problems) : withKind(raw, meta, meta.kind, problems)
  const sorted = problems.list.toSorted((a, b) => a.line - b.line)
  return { key: meta.key, label: meta.label, object, source: raw.source, problems: sorted }
}

/** The identity of an object, as `ReadObject.key` has it. */
export function objectKey(object: ConfigObject): string {
  const group = object.apiVersion.includes('/') ? object.apiVersion.split('/', 1)[0] : ''
  return `${group}/${object.kind}/${object.namespace}/${object.name}`
}

/** A path as Istio's users write it: `spec.http[0].route[0].weight`. */
export function fieldName(path: FieldPath): string | null {
  if (path.length === 0) return null
  let name = ''
  for (const part of path) name += typeof part === 'number' ? `[${part}]` : name === '' ? part : `.${part}`
  return name
}

interface Meta {
  readonly kind: Kind | null
  readonly key: string
  readonly label: string
  readonly fields: Omit<ConfigObject, 'spec' | 'source'>
}

class Problems {
  readonly list: Problem[] = []
  readonly source: Source
  object: string | null = null

  constructor(source: Source) {
    this.source = source
  }

  add(severity: Problem['severity'], path: FieldPath, message: string, source: Source = this.source): void {
    const { file } = source
    const line = source.line(path)
    this.list.push({ severity, file, line, object: this.object, field: fieldName(path), message })
  }
}

function readMeta(raw: RawObject, problems: Problems): Meta | null {
  const { apiVersion, kind: kindName, metadata } = raw.value
  if (typeof apiVersion !== 'string' || typeof kindName !== 'string') {
    const missing = typeof apiVersion !== 'string' ? 'apiVersion' : 'kind'
    problems.add('error', [], `has no ${missing}: every object needs apiVersion, kind and metadata.name`)
    return null
  }
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/', 2) as [string, string]) : ['', apiVersion]
  const kind = kindOf(group, kindName)
  const given = isObject(metadata) ? metadata : {}
  const isMesh = kind === MESH_CONFIG
  const name = given['name'] === undefined && isMesh ? 'istio' : given['name']
  if (typeof name !== 'string' || name === '') {
    problems.object = kindName
    problems.add('error', ['metadata', 'name'], 'metadata.name is missing: give the object a name')
    return null
  }
  const namespaced = kind?.namespaced ?? true
  const namespace = !namespaced ? '' : typeof given['namespace'] === 'string' ? given['namespace'] : 'default'
  const label = namespaced ? `${kindName} ${namespace}/${name}` : `${kindName} ${name}`
  problems.object = label
  if (kind !== null && !kind.versions.includes(version)) {
    const known = kind.versions.map((one) => (group === '' ? one : `${group}/${one}`)).join(', ')
    problems.add('error', ['apiVersion'], `${apiVersion} has no ${kindName}: use ${known}`)
    return null
  }
  const created = typeof given['creationTimestamp'] === 'string' ? Date.parse(given['creationTimestamp']) : 0
  return {
    kind,
    key: `${group}/${kindName}/${namespace}/${name}`,
    label,
    fields: {
      apiVersion,
      kind: kindName,
      name,
      namespace,
      labels: stringMap(given['labels'], ['metadata', 'labels'], problems),
      annotations: stringMap(given['annotations'], ['metadata', 'annotations'], problems),
      createdAt: Number.isFinite(created) ? created : 0,
    },
  }
}

function stringMap(value: unknown, path: FieldPath, problems: Problems): Readonly<Record<string, string>> {
  if (!isObject(value)) return {}
  const strings: Record<string, string> = {}
  for (const [key, one] of Object.entries(value)) {
    if (typeof one === 'string') strings[key] = one
    else problems.add('warning', [...path, key], `is not text and is taken as "${String(one)}": put it in quotes`)
    if (typeof one !== 'string') strings[key] = String(one)
  }
  return strings
}

// Accepted and listed, with a word that it has no effect.
function withoutKind(raw: RawObject, meta: Meta, problems: Problems): ConfigObject {
  problems.add(
    'warning',
    ['kind'],
    `the kind ${meta.fields.kind} of ${meta.fields.apiVersion} is unknown: it has no effect`,
  )
  return { ...meta.fields, spec: raw.value['spec'] ?? raw.value, source: raw.source }
}

function withKind(raw: RawObject, meta: Meta, kind: Kind, problems: Problems): ConfigObject | null {
  if (kind.kind === 'ConfigMap' && meta.fields.name === 'istio') return meshConfigMap(raw, meta, problems)
  if (kind.schema === null) {
    problems.add('warning', ['kind'], `${kind.kind} is not honoured yet: the object is listed and has no effect`)
    return { ...meta.fields, spec: raw.value['spec'] ?? raw.value, source: raw.source }
  }
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status, ...body } = raw.value
  const ownBody = kind.body === 'object' || (kind === MESH_CONFIG && raw.value['spec'] === undefined)
  const whole = kind.body === 'object' && status !== undefined ? { ...body, status } : body
  if (!ownBody) {
    for (const field of Object.keys(body)) {
      if (field !== 'spec') problems.add('warning', [field], unknownField(field))
    }
  }
  const spec = readBody(kind, ownBody ? whole : (raw.value['spec'] ?? {}), ownBody ? [] : ['spec'], problems)
  return spec === INVALID ? null : { ...meta.fields, spec, source: raw.source }
}

// The ConfigMap `istio` holds the mesh's settings as YAML text under `mesh`.
function meshConfigMap(raw: RawObject, meta: Meta, problems: Problems): ConfigObject | null {
  const data = raw.value['data']
  const text = isObject(data) ? data['mesh'] : undefined
  if (typeof text !== 'string') {
    problems.add('error', ['data', 'mesh'], 'data.mesh is missing: give the mesh configuration as YAML text')
    return null
  }
  const inside = readYaml(raw.source.file, text)
  const value = inside.ok ? (inside.objects[0]?.value ?? {}) : null
  if (value === null) {
    problems.add('error', ['data', 'mesh'], `data.mesh ${inside.ok ? '' : inside.problem.message}`)
    return null
  }
  const inner = innerSource(raw.source, ['data', 'mesh'], text)
  const spec = readBody(MESH_CONFIG, value, [], problems, inner)
  return spec === INVALID ? null : { ...meta.fields, spec, source: raw.source }
}

const INVALID: unique symbol = Symbol('invalid')

// Unknown fields are taken out and the rest is read again, so that one misspelt field does not cost the object.
function readBody(
  kind: Kind,
  body: unknown,
  root: FieldPath,
  problems: Problems,
  source: Source = problems.source,
): unknown {
  const schema = kind.schema as z.ZodType
  let input = body
  for (;;) {
    const result = schema.safeParse(input, { reportInput: true })
    if (result.success) {
      const raw = isObject(body) ? body : {}
      const before = problems.list.length
      kind.check?.(
        result.data,
        (severity, path, message) => problems.add(severity, [...root, ...path], message, source),
        raw,
      )
      const refused = problems.list.slice(before).some((problem) => problem.severity === 'error')
      return refused ? INVALID : result.data
    }
    let unknown = 0
    let wrong = 0
    const copy: unknown = structuredClone(input)
    for (const issue of result.error.issues) {
      const path = [...root, ...(issue.path as FieldPath)]
      if (issue.code === 'unrecognized_keys') {
        for (const key of issue.keys) {
          problems.add('warning', [...path, key], unknownField(key), source)
          unknown += removeField(copy, issue.path as FieldPath, key)
        }
      } else {
        problems.add('error', path, issueMessage(issue), source)
        wrong++
      }
    }
    if (wrong > 0 || unknown === 0) return INVALID
    input = copy
  }
}

function unknownField(field: string): string {
  return `unknown field "${field.replaceAll('"', '')}" is ignored: check its spelling and its place`
}

function removeField(root: unknown, path: FieldPath, key: string): number {
  let at = root
  for (const part of path) {
    if (Array.isArray(at)) at = at[Number(part)] as unknown
    else if (isObject(at)) at = at[ownKey(at, String(part))]
  }
  if (!isObject(at)) return 0
  delete at[ownKey(at, key)]
  return 1
}

function ownKey(object: Record<string, unknown>, key: string): string {
  return key in object ? key : (Object.keys(object).find((own) => camelCase(own) === key) ?? key)
}

function issueMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') {
    const { input } = issue
    if (input === undefined) return `is missing: it must be ${article(issue.expected)}`
    return `must be ${article(issue.expected)}, not ${describe(input)}`
  }
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`
  if (issue.code === 'too_small') return `is too small: ${String(issue.minimum)} is the least`
  if (issue.code === 'too_big') return `is too large: ${String(issue.maximum)} is the most`
  return issue.message
}

function article(type: string): string {
  const name = TYPE_NAMES[type] ?? type
  return /^[aeiou]/.test(name) ? `an ${name}` : `a ${name}`
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ("${value}")`
  if (Array.isArray(value)) return 'a list'
  if (isObject(value)) return 'an object'
  return String(value)
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'string',
  int: 'whole number',
  boolean: 'boolean (true or false)',
  array: 'list',
  record: 'map',
}
