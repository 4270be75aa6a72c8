import type { RequestView } from '@shop/middleware'

import { decodeLayer, plusToSpace } from './decode.ts'
import { detect } from './detector.ts'
import { type FieldTree, hasForm } from './field-kinds.ts'
import type { Finding } from './finding.ts'
import { isOperatorKey } from './nosql-injection.ts'

/** A finding, and where in the request it is. */
export interface RequestFinding extends Finding {
  readonly place: 'path' | 'query' | 'header' | 'cookie' | 'body'
  readonly name: string
}

/** What may still be read of one request: a body of a million tiny fields is as costly as one long one. */
export interface ScanBudget {
  characters: number
  nodes: number
  /** Set when something was left unread. */
  exceeded: boolean
}

const deepest = 64

/** The path and the query, parameter by parameter, as the application will read them. */
export function scanTarget(request: RequestView, fields: FieldTree, budget: ScanBudget): RequestFinding | undefined {
  const path = text(request.path, 'path', '', budget)
  if (path) return path
  const { query } = request
  if (query === '') return undefined
  for (let from = 0; from <= query.length;) {
    let end = query.indexOf('&', from)
    if (end < 0) end = query.length
    const found = parameter(query, from, end, fields, budget)
    if (found) return found
    from = end + 1
  }
  return undefined
}

function parameter(
  query: string,
  from: number,
  end: number,
  fields: FieldTree,
  budget: ScanBudget,
): RequestFinding | undefined {
  const equals = query.indexOf('=', from)
  const split = equals < 0 || equals > end ? end : equals
  const name = query.slice(from, split)
  const value = split < end ? query.slice(split + 1, end) : ''
  const field = fields.properties.get(name)
  if (field !== undefined && hasForm(value, field)) return undefined
  if (--budget.nodes < 0) return over(budget)
  // "user[$ne]=1", and a name may carry an attack as well as a value
  const operator = name.indexOf('[$')
  if (operator >= 0 && isOperatorKey(name.slice(operator + 2 - 1, name.indexOf(']', operator))))
    return operatorFinding(name, 'query')
  return (
    text(formDecoded(name), 'query', name, budget) ??
    (value === '' ? undefined : text(formDecoded(value), 'query', name, budget))
  )
}

/** A value of a form: `+` is a space, then one layer of percent. */
function formDecoded(value: string): string {
  const spaced = value.includes('+') ? plusToSpace(value) : value
  return spaced.includes('%') ? decodeLayer(spaced) : spaced
}

/** The headers named, and every cookie. */
export function scanHeaders(
  request: RequestView,
  names: readonly string[],
  budget: ScanBudget,
): RequestFinding | undefined {
  for (const name of names) {
    const value = request.header(name)
    if (value === undefined) continue
    const found = text(value, 'header', name, budget)
    if (found) return found
  }
  const cookie = request.header('cookie')
  if (cookie === undefined) return undefined
  for (let from = 0; from < cookie.length;) {
    let end = cookie.indexOf(';', from)
    if (end < 0) end = cookie.length
    const equals = cookie.indexOf('=', from)
    const split = equals < 0 || equals > end ? from : equals + 1
    const found = text(cookie.slice(split, end), 'cookie', cookie.slice(from, Math.max(from, split - 1)).trim(), budget)
    if (found) return found
    from = end + 1
  }
  return undefined
}

/** Every text and every key of a parsed body, its typed fields excepted. Not recursive beyond {@link deepest}. */
export function scanBody(body: unknown, fields: FieldTree, budget: ScanBudget): RequestFinding | undefined {
  return node(body, fields, '', 0, budget)
}

function node(
  value: unknown,
  field: FieldTree | undefined,
  name: string,
  depth: number,
  budget: ScanBudget,
): RequestFinding | undefined {
  if (typeof value === 'string')
    return field !== undefined && hasForm(value, field) ? undefined : text(value, 'body', name, budget)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return undefined
  if (depth > deepest) return over(budget)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      if (--budget.nodes < 0) return over(budget)
      const found = node(value[i], field?.items, depth === 0 && name === '' ? '[]' : `${name}[]`, depth + 1, budget)
      if (found) return found
    }
    return undefined
  }
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue
    if (--budget.nodes < 0) return over(budget)
    const child = field?.properties.get(key)
    if (child === undefined) {
      if (isOperatorKey(key)) return operatorFinding(key, 'body')
      const found = knownKeys.has(key) ? undefined : newKey(key, name, budget)
      if (found) return found
    }
    const found = node(
      (value as Record<string, unknown>)[key],
      child,
      name === '' ? key : `${name}.${key}`,
      depth + 1,
      budget,
    )
    if (found) return found
  }
  return undefined
}

/** Names of fields repeat from request to request; those found clean are not read again. Bounded, and full stays full. */
const knownKeys = new Set<string>()

function newKey(key: string, name: string, budget: ScanBudget): RequestFinding | undefined {
  const found = text(key, 'body', name, budget)
  if (found === undefined && !budget.exceeded && key.length <= 64 && knownKeys.size < 4_096) knownKeys.add(key)
  return found
}

function text(
  value: string,
  place: RequestFinding['place'],
  name: string,
  budget: ScanBudget,
): RequestFinding | undefined {
  budget.characters -= value.length
  if (budget.characters < 0) return over(budget)
  const found = detect(value)
  return found && { ...found, place, name }
}

function over(budget: ScanBudget): undefined {
  budget.exceeded = true
  return undefined
}

const operatorFinding = (name: string, place: RequestFinding['place']): RequestFinding => ({
  class: 'nosql-injection',
  rule: 'nosql-operator',
  start: 0,
  end: name.length,
  layer: 0,
  form: name,
  place,
  name,
})
