/** What a JSON text may hold, counted before it is parsed. */
export interface JsonLimits {
  /** Objects and arrays within one another. */
  readonly depth: number
  /** Object members in the whole text. */
  readonly keys: number
  /** Elements of one array. */
  readonly elements: number
}

/** Why a JSON text is refused unparsed. */
export type JsonExcess = 'depth' | 'keys' | 'elements'

const quote = 0x22
const backslash = 0x5c

/**
 * Makes a scanner: one pass over the bytes, outside strings, counting nesting, members and elements. It does not decide
 * whether the text is JSON; `JSON.parse` does that next, on a text whose size of result is now bounded.
 */
export function jsonScanner({ depth: deepest, keys: mostKeys, elements: mostElements }: JsonLimits): (bytes: Uint8Array) => JsonExcess | { readonly keys: number } {
  // elements so far of the open array at each depth; an open object has -1
  const open = new Int32Array(deepest + 1)
  return function scanJson(bytes) {
    let depth = 0
    let keys = 0
    for (let i = 0; i < bytes.length; i++) {
      switch (bytes[i]) {
        case quote:
          for (i++; i < bytes.length && bytes[i] !== quote; i++) if (bytes[i] === backslash) i++
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
    return { keys }
  }
}

/** What a parsed value holds that no honest client sends. */
export type JsonFault = 'forbidden-key' | 'duplicate-key' | 'lone-surrogate'

const forbidden = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether a name could reach a prototype when it is copied carelessly. */
export function isForbiddenKey(name: string): boolean {
  return forbidden.has(name)
}

/**
 * Walks a parsed value. `JSON.parse` keeps the last of two equal keys, so fewer members than were written means that
 * one was written twice.
 */
export function inspectJson(value: unknown, written: number): JsonFault | undefined {
  let members = 0
  const fault = walk(value)
  return fault ?? (members < written ? 'duplicate-key' : undefined)

  function walk(part: unknown): JsonFault | undefined {
    if (typeof part === 'string') return part.isWellFormed() ? undefined : 'lone-surrogate'
    if (typeof part !== 'object' || part === null) return undefined
    if (Array.isArray(part)) {
      for (const element of part) {
        const inner = walk(element)
        if (inner) return inner
      }
      return undefined
    }
    for (const key of Object.keys(part)) {
      members++
      if (forbidden.has(key)) return 'forbidden-key'
      const inner = key.isWellFormed() ? walk((part as Record<string, unknown>)[key]) : 'lone-surrogate'
      if (inner) return inner
    }
    return undefined
  }
}
