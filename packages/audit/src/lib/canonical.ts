import { AuditError } from './errors.ts'

/** What RFC 8785 can write: JSON with finite numbers and well-formed strings. An `undefined` member is left out. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined }

const MAX_DEPTH = 64
const plainName = /^[\w.:-]*$/

/**
 * The canonical form of a JSON value (RFC 8785): members sorted by UTF-16 code units, ECMAScript numbers, no spaces.
 * Two equal values have one form, so a hash of it is a hash of the value.
 * @param at where the value stands in a larger one, for the error: `/data`
 * @throws ERR_SHOP_AUDIT_NOT_JSON, naming the path.
 */
export function canonicalize(value: unknown, at = ''): string {
  const text = write(value, 0)
  if (text === undefined) throw notJson(value, at)
  return text
}

/** `undefined` when there is no canonical form: the path is looked for only then, so that writing allocates no path. */
function write(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? JSON.stringify(value) : undefined
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined
    case 'object':
      if (value === null) return 'null'
      if (depth > MAX_DEPTH) return undefined
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value as Record<string, unknown>, depth)
    default:
      return undefined
  }
}

function writeArray(values: readonly unknown[], depth: number): string | undefined {
  let out = ''
  for (const value of values) {
    const text = write(value, depth + 1)
    if (text === undefined) return undefined
    out += out === '' ? text : `,${text}`
  }
  return `[${out}]`
}

function writeObject(value: Record<string, unknown>, depth: number): string | undefined {
  if (!isPlain(value)) return undefined
  let out = ''
  for (const name of Object.keys(value).sort()) {
    const member = value[name]
    if (member === undefined) continue
    const key = plainName.test(name) ? `"${name}"` : write(name, 0)
    const text = write(member, depth + 1)
    if (key === undefined || text === undefined) return undefined
    out += out === '' ? `${key}:${text}` : `,${key}:${text}`
  }
  return `{${out}}`
}

function isPlain(value: object): boolean {
  const proto: unknown = Object.getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}

function notJson(value: unknown, at: string): AuditError {
  const found = findFault(value, at, 0) ?? at
  return new AuditError(
    'ERR_SHOP_AUDIT_NOT_JSON',
    `the value at ${found || '/'} has no canonical form; expected plain JSON: finite numbers, well-formed strings, ${MAX_DEPTH} levels`,
  )
}

function findFault(value: unknown, path: string, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return write(value, depth) === undefined ? path : undefined
  if (depth > MAX_DEPTH || (!Array.isArray(value) && !isPlain(value))) return path
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined && !Array.isArray(value)) continue
    const fault = write(name, 0) === undefined ? path : findFault(member, `${path}/${name}`, depth + 1)
    if (fault !== undefined) return fault
  }
  return undefined
}
