import { Has, isLetter, isSpace } from './chars.ts'
import type { Span } from './finding.ts'
import { startsWithWord } from './word-table.ts'

/** Looks for XML that makes a parser fetch or expand something: external or parameter entities, a DOCTYPE with a system or public identifier or an internal subset, XInclude, schema locations and imports. `<!DOCTYPE html>` passes. */
export function xmlEntity(text: string, bits: number): Span | undefined {
  if ((bits & Has.less) === 0) return undefined
  const signs = /schemalocation\s*=|www\.w3\.org\/2001\/xinclude/gi
  let located = -1
  let close = -1
  for (let i = text.indexOf('<'); i >= 0; i = text.indexOf('<', i + 1)) {
    // the next such sign and the next tag's end are found once for all the tags before them
    if (located < i) {
      signs.lastIndex = i
      located = signs.exec(text)?.index ?? Infinity
    }
    if (close < i) close = indexFrom(text, '>', i)
    const rule = ruleAt(text, i, located - i <= 400 && located < close)
    if (rule) return { start: i, end: Math.min(text.length, i + 48), rule }
  }
  return undefined
}

function ruleAt(text: string, at: number, located: boolean): string | undefined {
  const sign = text.charCodeAt(at + 1)
  if (!isLetter(sign) && sign !== 33 && sign !== 63) return undefined
  if (startsWithWord(text, '<!entity', at)) return 'xml-entity-declaration'
  if (startsWithWord(text, '<!doctype', at)) {
    let i = at + 9
    const size = Math.min(text.length, at + 128)
    while (i < size && text.charCodeAt(i) !== 62) {
      const unit = text.charCodeAt(i)
      if (unit === 91) return 'xml-internal-subset'
      if (
        isSpace(text.charCodeAt(i - 1)) &&
        (startsWithWord(text, 'system', i) ||
          (startsWithWord(text, 'public', i) && !/w3c\/\/dtd/i.test(text.slice(i, i + 64))))
      )
        return 'xml-external-identifier'
      i++
    }
    return undefined
  }
  if (startsWithWord(text, '<?xml-stylesheet', at)) return 'xml-stylesheet'
  // <prefix:include …>, and schema locations on any element
  let i = at + 1
  while (i < text.length && i - at < 24 && isLetter(text.charCodeAt(i))) i++
  if (i > at + 1 && text.charCodeAt(i) === 58) {
    if (
      startsWithWord(text, 'include', i + 1) ||
      startsWithWord(text, 'import', i + 1) ||
      startsWithWord(text, 'redefine', i + 1)
    )
      return 'xml-include'
  }
  if (startsWithWord(text, '<?xml', at))
    return /(?:schemalocation|xinclude|<\w{1,12}:(?:include|import))/i.test(text.slice(at, at + 512))
      ? 'xml-schema-location'
      : undefined
  return located && i > at + 1 ? 'xml-schema-location' : undefined
}

function indexFrom(text: string, sign: string, from: number): number {
  const at = text.indexOf(sign, from)
  return at < 0 ? Infinity : at
}
