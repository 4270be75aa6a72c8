/** What a JSON text may hold, counted before it is parsed. */
export interface JsonLimits {
  /** Objects and arrays within one another. */
  readonly depth: number
  /** Object members in the whole text. */
  readonly keys: number
  /** Elements of one array. */
  readonly elements: number
}

/** What a scan counted. */
export interface JsonShape {
  /** Members as they are written, duplicates included. */
  readonly keys: number
  /** Whether a string has an escape: only then can it hold what its bytes do not show. */
  readonly escapes: boolean
}

/** Why a JSON text is refused unparsed. */
export type JsonExcess = 'depth' | 'keys' | 'elements'

const quote = 0x22
const backslash = 0x5c

/**
 * Makes a scanner: one pass over the bytes, outside strings, counting nesting, members and elements. It does not decide
 * whether the text is JSON; `JSON.parse` does that next, on a text whose size of result is now bounded.
 */
export function jsonScanner({
  depth: deepest,
  keys: mostKeys,
  elements: mostElements,
}: JsonLimits): (bytes: Uint8Array) => JsonExcess | JsonShape {
  // elements so far of the open array at each depth; an open object has -1
  const open = new Int32Array(deepest + 1)
  return function scanJson(bytes) {
    let depth = 0
    let keys = 0
    let escapes = false
    for (let i = 0; i < bytes.length; i++) {
      switch (bytes[i]!) {
        case quote:
          for (i++; i < bytes.length && bytes[i] !== quote; i++) {
            if (bytes[i] !== backslash) continue
            escapes = true
            i++
          }
          break
        case 0x7b: // {
        case 0x5b: // [
          if (++depth > deepest) return 'depth'
          open[depth] = bytes[i] === 0x5b ? 1 : -1
          break
        case 0x7d: // }
        case 0x5d: // ]
          if (depth > 0) depth--
          break
        case 0x3a: // :
          if (++keys > mostKeys) return 'keys'
          break
        case 0x2c: // ,
          if (open[depth]! > 0 && ++open[depth]! > mostElements) return 'elements'
          break
      }
    }
    return { keys, escapes }
  }
}

/** What a parsed value holds that no honest client sends. */
export type JsonFault = 'forbidden-key' | 'duplicate-key' | 'lone-surrogate'

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether a name could reach a prototype when it is copied carelessly. */
export function isForbiddenKey(name: string): boolean {
  return forbidden.has(name)
}

const suspicious = /__proto__|constructor|prototype/

/**
 * Looks a parsed value over. `JSON.parse` keeps the last of two equal keys, so fewer members than were written means
 * that one was written twice. Names and surrogates are looked at one by one only where the text, which is valid UTF-8,
 * has a forbidden word or an escape.
 */
export function inspectJson(
  text: string,
  value: unknown,
  { keys, escapes }: JsonShape,
  duplicates: boolean,
): JsonFault | undefined {
  const fault = escapes || suspicious.test(text) ? faultIn(value) : undefined
  return fault ?? (!duplicates && countKeys(value) < keys ? 'duplicate-key' : undefined)
}

function countKeys(part: unknown): number {
  let count = 0
  if (Array.isArray(part)) {
    for (const element of part) if (typeof element === 'object' && element !== null) count += countKeys(element)
    return count
  }
  if (typeof part !== 'object' || part === null) return 0
  for (const key of Object.keys(part)) {
    count++
    const member = (part as Record<string, unknown>)[key]
    if (typeof member === 'object' && member !== null) count += countKeys(member)
  }
  return count
}

function faultIn(part: unknown): JsonFault | undefined {
  if (typeof part === 'string') return part.isWellFormed() ? undefined : 'lone-surrogate'
  if (typeof part !== 'object' || part === null) return undefined
  for (const key of Array.isArray(part) ? part.keys() : Object.keys(part)) {
    if (typeof key === 'string' && !key.isWellFormed()) return 'lone-surrogate'
    if (forbidden.has(String(key))) return 'forbidden-key'
    const inner = faultIn((part as Record<string | number, unknown>)[key])
    if (inner) return inner
  }
  return undefined
}
