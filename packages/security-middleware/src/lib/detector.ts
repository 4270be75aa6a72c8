import { charsOf, Has } from './chars.ts'
import { decodeLayer, plusToSpace } from './decode.ts'
import type { AttackClass, Finding, Span } from './finding.ts'
import { headerSplitting } from './header-splitting.ts'
import { htmlInjection } from './html-injection.ts'
import { jndiLookup } from './jndi-lookup.ts'
import { ldapInjection } from './ldap-injection.ts'
import { isOperatorKey, nosqlInjection } from './nosql-injection.ts'
import { pathTraversal } from './path-traversal.ts'
import { shellInjection } from './shell-injection.ts'
import { sqlInjection } from './sql-injection.ts'
import { templateInjection } from './template-injection.ts'
import { xmlEntity } from './xml-entity.ts'

/** Decoding stops after this many layers: a browser undoes one, a form another, a careless program a third. */
const layers = 3

/** Signs without which no grammar here has anything to say about a value of one word. */
const signs = ~(Has.dot | Has.dash | Has.at | Has.digit | Has.wide | Has.comma | Has.space)

/**
 * Reads one value as every grammar an injection could be written in, as sent and under up to three layers of encoding, and gives
 * the first thing found. Linear in the length of the value.
 */
export function detect(value: string): Finding | undefined {
  return readLayers(value) ?? readJson(value)
}

function readLayers(value: string): Finding | undefined {
  let bits = charsOf(value)
  if ((bits & signs) === 0 && (bits & (Has.space | Has.dot | Has.wide)) === 0) return undefined
  let form = value
  for (let layer = 0; ; layer++) {
    const found = read(form, bits, layer)
    if (found) return found
    if (layer < 2 && bits & Has.plus && (bits & Has.space) === 0) {
      const spaced = plusToSpace(form)
      const spacedFound = read(spaced, charsOf(spaced), layer)
      if (spacedFound) return spacedFound
    }
    if (
      layer === layers ||
      (bits & (Has.percent | Has.ampersand | Has.backslash | Has.plus | Has.wide | Has.control)) === 0
    )
      return undefined
    const decoded = decodeLayer(form)
    if (decoded === form) return undefined
    form = decoded
    bits = charsOf(form)
  }
}

/** Where a value begins and ends matters to paths and commands; spaces round it do not. */
function trimmed(
  form: string,
  bits: number,
  grammar: (text: string, bits: number) => Span | undefined,
): Span | undefined {
  if ((bits & (Has.space | Has.newline | Has.control)) === 0) return grammar(form, bits)
  // a line end in front is a separator to a shell
  const start = isLineEnd(form.charCodeAt(0)) ? 0 : form.length - form.trimStart().length
  const span = grammar(form.slice(start).trimEnd(), bits)
  return span && start > 0 ? { ...span, start: span.start + start, end: span.end + start } : span
}

const isLineEnd = (unit: number): boolean => unit === 10 || unit === 13

/** A value that is JSON itself is read by its texts and keys: quotes and escapes of JSON are no part of them. */
function readJson(value: string): Finding | undefined {
  const open = value.charCodeAt(0)
  const close = value.charCodeAt(value.length - 1)
  if (!((open === 123 && close === 125) || (open === 91 && close === 93)) || value.length > 65_536) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    return undefined
  }
  const rest: unknown[] = [parsed]
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    if (typeof node === 'string') {
      const found = readLayers(node)
      if (found) return found
    } else if (Array.isArray(node)) for (const item of node) rest.push(item ?? 0)
    else if (typeof node === 'object' && node !== null) {
      for (const [key, item] of Object.entries(node)) {
        if (isOperatorKey(key))
          return { class: 'nosql-injection', rule: 'nosql-operator', start: 0, end: key.length, layer: 0, form: key }
        rest.push(key, item ?? 0)
      }
    }
  }
  return undefined
}

function read(form: string, bits: number, layer: number): Finding | undefined {
  const found = (kind: AttackClass, span: Span | undefined): Finding | undefined =>
    span && { class: kind, ...span, layer, form }
  return (
    found('sql-injection', sqlInjection(form, bits)) ??
    found('xss', htmlInjection(form, bits)) ??
    found('path-traversal', trimmed(form, bits, pathTraversal)) ??
    found('command-injection', trimmed(form, bits, shellInjection)) ??
    (bits & Has.dollar && bits & Has.brace ? found('jndi-lookup', jndiLookup(form)) : undefined) ??
    found('template-injection', templateInjection(form, bits)) ??
    found('nosql-injection', nosqlInjection(form, bits)) ??
    found('xml-entity', xmlEntity(form, bits)) ??
    found('ldap-injection', ldapInjection(form, bits)) ??
    found('header-splitting', headerSplitting(form, bits, layer > 0))
  )
}
