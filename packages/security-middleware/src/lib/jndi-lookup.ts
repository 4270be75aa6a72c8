import type { Span } from './finding.ts'

/**
 * Looks for Log4j lookups. `${…}` is resolved from the inside out as Log4j would: `${lower:j}` gives `j`, `${::-j}` and
 * `${env:NONE:-j}` give their default, so that `${${lower:j}${::-n}di:ldap://…}` is read as `${jndi:ldap://…}`. One pass with a
 * stack no deeper than 64.
 */
export function jndiLookup(text: string): Span | undefined {
  const stack: { start: number; body: string }[] = []
  for (let i = text.indexOf('${'); i >= 0 && i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 36 && text.charCodeAt(i + 1) === 123) {
      if (stack.length === 64) return undefined
      stack.push({ start: i, body: '' })
      i++
      continue
    }
    const top = stack.at(-1)
    if (top === undefined) {
      const next = text.indexOf('${', i)
      if (next < 0) return undefined
      i = next - 1
      continue
    }
    if (unit !== 125) {
      if (top.body.length < 256) top.body += text[i]
      if (unit === 58 && isJndi(top.body)) return { start: top.start, end: i + 1, rule: 'jndi-lookup' }
      continue
    }
    stack.pop()
    const found = isJndi(top.body) || (stack.length === 0 && isLookup(top.body))
    if (found) return { start: top.start, end: i + 1, rule: 'jndi-lookup' }
    const parent = stack.at(-1)
    if (parent !== undefined && parent.body.length < 256) {
      parent.body += resolve(top.body)
      if (isJndi(parent.body)) return { start: parent.start, end: i + 1, rule: 'jndi-lookup' }
    }
  }
  return undefined
}

const isJndi = (body: string): boolean => /^\s*jndi\s*:/i.test(body)

/** A lookup by itself: `${env:AWS_SECRET}`, `${sys:user.name}`, `${java:version}`. */
const isLookup = (body: string): boolean =>
  /^(?:env|sys|java|ctx|main|docker|k8s|spring|bundle|web|log4j|sd|marker|base64|lower|upper|jndi):[^\s]/i.test(body) ||
  /^[\w.]{0,24}:{1,2}-/.test(body)

function resolve(body: string): string {
  const dash = body.indexOf(':-')
  if (dash >= 0) return body.slice(dash + 2)
  const colon = body.indexOf(':')
  return colon >= 0 ? body.slice(colon + 1).replaceAll("'", '') : body
}
