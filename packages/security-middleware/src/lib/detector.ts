import { charsOf, Has } from './chars.ts'
import { decodeLayer, plusToSpace } from './decode.ts'
import type { AttackClass, Finding, Span } from './finding.ts'
import { headerSplitting } from './header-splitting.ts'
import { htmlInjection } from './html-injection.ts'
import { jndiLookup } from './jndi-lookup.ts'
import { ldapInjection } from './ldap-injection.ts'
import { nosqlInjection } from './nosql-injection.ts'
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
  let bits = charsOf(value)
  if ((bits & signs) === 0 && (bits & (Has.space | Has.dot)) === 0) return undefined
  let form = value
  for (let layer = 0; ; layer++) {
    const found = read(form, bits, layer)
    if (found) return found
    if (bits & Has.plus && (bits & Has.space) === 0) {
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

function read(form: string, bits: number, layer: number): Finding | undefined {
  const found = (kind: AttackClass, span: Span | undefined): Finding | undefined =>
    span && { class: kind, ...span, layer, form }
  return (
    found('sql-injection', sqlInjection(form, bits)) ??
    found('xss', htmlInjection(form, bits)) ??
    found('path-traversal', pathTraversal(form, bits)) ??
    found('command-injection', shellInjection(form, bits)) ??
    (bits & Has.dollar && bits & Has.brace ? found('jndi-lookup', jndiLookup(form)) : undefined) ??
    found('template-injection', templateInjection(form, bits)) ??
    found('nosql-injection', nosqlInjection(form, bits)) ??
    found('xml-entity', xmlEntity(form, bits)) ??
    found('ldap-injection', ldapInjection(form, bits)) ??
    found('header-splitting', headerSplitting(form, bits, layer > 0))
  )
}
