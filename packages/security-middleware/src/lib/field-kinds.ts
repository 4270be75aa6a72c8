import { isDigit, isLetter, isWord } from './chars.ts'

/** What a field holds. Only `html` fields are sanitised; only `text` and `html` are scanned when they have the form they claim. */
export type FieldKind = 'text' | 'html' | 'number' | 'boolean' | 'enum' | 'uuid' | 'date' | 'email'

/** A JSON Schema, as far as it is read here; `z.toJSONSchema(schema)` gives one. */
export interface FieldSchema {
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly contentMediaType?: string
  readonly properties?: Readonly<Record<string, FieldSchema | boolean>>
  readonly items?: FieldSchema | boolean | readonly (FieldSchema | boolean)[]
}

/** The fields of a body, as a tree that is walked beside it. */
export interface FieldTree {
  readonly kind: FieldKind
  readonly values: ReadonlySet<string> | undefined
  readonly properties: ReadonlyMap<string, FieldTree>
  readonly items: FieldTree | undefined
}

const untyped: FieldTree = { kind: 'text', values: undefined, properties: new Map(), items: undefined }

/** Reads the tree off a JSON Schema, no deeper than 32. */
export function fieldTree(schema: FieldSchema | boolean | undefined, depth: number = 0): FieldTree {
  if (typeof schema !== 'object' || depth > 32) return untyped
  const items = Array.isArray(schema.items) ? undefined : (schema.items as FieldSchema | boolean | undefined)
  return {
    kind: kindOf(schema),
    values: enumOf(schema),
    properties: new Map(
      Object.entries(schema.properties ?? {}).map(([name, property]) => [name, fieldTree(property, depth + 1)]),
    ),
    items: items === undefined ? undefined : fieldTree(items, depth + 1),
  }
}

/** The tree of fields given by path: `review.body`, `lines[].note`. */
export function fieldTreeOf(fields: Readonly<Record<string, FieldKind>>): FieldTree {
  interface Node {
    kind: FieldKind
    values: undefined
    properties: Map<string, Node>
    items: Node | undefined
  }
  const node = (): Node => ({ kind: 'text', values: undefined, properties: new Map(), items: undefined })
  const root = node()
  for (const [path, kind] of Object.entries(fields)) {
    let at = root
    for (const step of path.replaceAll('[]', '.[]').split('.').filter(Boolean)) {
      if (step === '[]') at = at.items ??= node()
      else {
        const next = at.properties.get(step) ?? node()
        at.properties.set(step, next)
        at = next
      }
    }
    at.kind = kind
  }
  return root
}

function kindOf(schema: FieldSchema): FieldKind {
  if (schema.contentMediaType === 'text/html') return 'html'
  if (enumOf(schema)) return 'enum'
  if (schema.type === 'number' || schema.type === 'integer') return 'number'
  if (schema.type === 'boolean') return 'boolean'
  if (schema.format === 'uuid') return 'uuid'
  if (schema.format === 'date' || schema.format === 'date-time' || schema.format === 'time') return 'date'
  return schema.format === 'email' ? 'email' : 'text'
}

function enumOf(schema: FieldSchema): ReadonlySet<string> | undefined {
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const])
  return values && new Set(values.map(String))
}

/** Whether a text has the form of its field's kind, so that there is nothing in it to scan. */
export function hasForm(text: string, field: FieldTree): boolean {
  switch (field.kind) {
    case 'number':
      return isNumber(text)
    case 'boolean':
      return text === 'true' || text === 'false'
    case 'enum':
      return field.values === undefined ? isName(text) : field.values.has(text)
    case 'uuid':
      return isUuid(text)
    case 'date':
      return isDate(text)
    case 'email':
      return isEmail(text)
    default:
      return false
  }
}

const isNumber = (text: string): boolean => text.length < 40 && /^[+-]?\d+(?:\.\d+)?$/.test(text)
const isUuid = (text: string): boolean => text.length === 36 && /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)
const isDate = (text: string): boolean => text.length < 40 && /^[\d:T.Z+ -]+$/.test(text)

function isName(text: string): boolean {
  if (text.length > 64) return false
  for (let i = 0; i < text.length; i++) if (!isWord(text.charCodeAt(i)) && text.charCodeAt(i) !== 45) return false
  return true
}

/** A plain address: no quotes, brackets or comments in its local part, a domain of names. */
function isEmail(text: string): boolean {
  const at = text.indexOf('@')
  if (at < 1 || text.length > 254) return false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (i === at || isLetter(unit) || isDigit(unit) || unit === 46 || unit === 45) continue
    if (i < at && (unit === 95 || unit === 43 || unit > 127)) continue
    if (i > at && unit > 127) continue
    return false
  }
  return at < text.length - 3
}
