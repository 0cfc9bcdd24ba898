// What becomes of each field of a resource: one table per resource, which decoders report by and docs/support-matrix.md is
// made from. A walk over a decoded message finds every field that is set and not honoured, and every field that this
// version does not know, at every depth.
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf'
import type { Findings } from './findings.ts'

/** Honoured as Envoy does; honoured nearly; left out with a warning; or makes the resource unacceptable. */
export type Support = 'honoured' | 'approximated' | 'ignored' | 'refused'

/** One field's support. `path` is the message's full name and the field's; `note` says what happens, '' where Envoy's documents do. */
export interface FieldSupport {
  readonly path: string
  readonly support: Support
  readonly note: string
}

/** A message's fields, by what becomes of them. A field in none of the lists is ignored. */
export interface MessageSupport {
  /** Names divided by blanks. */
  readonly honoured?: string
  /** Nothing is to be done about them in a process without a proxy; counted as honoured. Field to note. */
  readonly inert?: Readonly<Record<string, string>>
  /** Honoured for some values and not for others; the decoder reports the others. Counted as approximated. Field to note. */
  readonly byValue?: Readonly<Record<string, string>>
  readonly approximated?: Readonly<Record<string, string>>
  readonly ignored?: Readonly<Record<string, string>>
  readonly refused?: Readonly<Record<string, string>>
}

/** The table of one resource. */
export class SupportTable {
  /** Short name of the resource. */
  readonly resource: string
  readonly #messages = new Map<string, ReadonlyMap<string, FieldSupport>>()
  readonly #plans = new Map<string, Plan>()
  /** Paths of the fields that decoders report. */
  readonly #byValue = new Set<string>()

  constructor(resource: string, messages: Readonly<Record<string, MessageSupport>>) {
    this.resource = resource
    for (const [typeName, support] of Object.entries(messages)) {
      this.#messages.set(typeName, rows(typeName, support))
      for (const name of Object.keys(support.byValue ?? {})) this.#byValue.add(`${typeName}.${name}`)
    }
  }

  /** Every field of the table, for documents. */
  get fields(): readonly FieldSupport[] {
    return [...this.#messages.values()].flatMap((fields) => [...fields.values()])
  }

  /** Null: the table does not have the field. */
  field(typeName: string, name: string): FieldSupport | null {
    return this.#messages.get(typeName)?.get(name) ?? null
  }

  /** Reports what is set in `message` and not honoured. `path` is where it stands, '' for the resource itself. */
  report(schema: DescMessage, message: Message, path: string, findings: Findings): void {
    walk(this.#plan(schema), message as WalkedMessage, path, findings)
  }

  #plan(schema: DescMessage): Plan {
    let plan = this.#plans.get(schema.typeName)
    if (plan !== undefined) return plan
    plan = { typeName: schema.typeName, steps: [] }
    this.#plans.set(schema.typeName, plan)
    for (const field of schema.fields) {
      const support = this.field(schema.typeName, field.name) ?? unlisted(schema, field)
      const nested = field.message
      // Google's own types are read whole; what is inert is not looked into.
      const isLeaf = nested === undefined || nested.typeName.startsWith('google.') || support.note !== ''
      if ((support.support === 'honoured' && isLeaf) || this.#byValue.has(support.path)) continue
      plan.steps.push({
        name: field.localName,
        protoName: field.name,
        oneof: field.oneof?.localName ?? null,
        kind: field.fieldKind,
        support,
        plan: support.support === 'honoured' && nested !== undefined ? this.#plan(nested) : null,
      })
    }
    return plan
  }
}

function rows(typeName: string, support: MessageSupport): ReadonlyMap<string, FieldSupport> {
  const fields = new Map<string, FieldSupport>()
  const add = (name: string, kind: Support, note: string): void => {
    fields.set(name, { path: `${typeName}.${name}`, support: kind, note })
  }
  for (const name of support.honoured?.split(/\s+/) ?? []) if (name !== '') add(name, 'honoured', '')
  for (const [name, note] of Object.entries(support.inert ?? {})) add(name, 'honoured', note)
  for (const [name, note] of Object.entries(support.byValue ?? {})) add(name, 'approximated', note)
  for (const kind of ['approximated', 'ignored', 'refused'] as const)
    for (const [name, note] of Object.entries(support[kind] ?? {})) add(name, kind, note)
  return fields
}

function unlisted(schema: DescMessage, field: DescField): FieldSupport {
  return { path: `${schema.typeName}.${field.name}`, support: 'ignored', note: 'not honoured by this version' }
}

/** What has to be looked at in a message of one type: the fields that are not honoured, and the messages within. */
interface Plan {
  readonly typeName: string
  readonly steps: Step[]
}

interface Step {
  readonly name: string
  readonly protoName: string
  /** Local name of the oneof that the field is in. */
  readonly oneof: string | null
  readonly kind: DescField['fieldKind']
  readonly support: FieldSupport
  /** Null: the field itself is reported. */
  readonly plan: Plan | null
}

type WalkedMessage = Message & Readonly<Record<string, unknown>>

function walk(plan: Plan, message: WalkedMessage, path: string, findings: Findings): void {
  const unknown = message.$unknown
  if (unknown !== undefined && unknown.length > 0)
    for (const { no } of unknown) findings.unknownField(plan.typeName, no, path)
  const steps = plan.steps
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i] as Step
    const value = valueOf(message, step)
    if (value === undefined) continue
    const at = path === '' ? step.protoName : `${path}.${step.protoName}`
    if (step.plan === null) findings.field(step.support, at)
    else if (step.kind === 'list') {
      const list = value as readonly WalkedMessage[]
      for (let j = 0; j < list.length; j++) walk(step.plan, list[j] as WalkedMessage, `${at}[${j}]`, findings)
    } else if (step.kind === 'map') {
      for (const [key, entry] of Object.entries(value as Record<string, WalkedMessage>))
        walk(step.plan, entry, `${at}[${JSON.stringify(key)}]`, findings)
    } else walk(step.plan, value as WalkedMessage, at, findings)
  }
}

/** A field's value; undefined where it is not set in the sense of proto3. A member of a oneof is set whatever its value. */
function valueOf(message: WalkedMessage, step: Step): unknown {
  if (step.oneof !== null) {
    const oneof = message[step.oneof] as { readonly case: string | undefined; readonly value?: unknown }
    return oneof.case === step.name ? oneof.value : undefined
  }
  const value = message[step.name]
  switch (step.kind) {
    case 'list':
      return (value as readonly unknown[]).length === 0 ? undefined : value
    case 'map':
      return isEmpty(value as object) ? undefined : value
    case 'message':
      return value
    case 'scalar':
    case 'enum':
      if (value instanceof Uint8Array) return value.length === 0 ? undefined : value
      return value === '' || value === 0 || value === false || value === 0n ? undefined : value
  }
}

function isEmpty(map: object): boolean {
  for (const _key in map) return false
  return true
}
