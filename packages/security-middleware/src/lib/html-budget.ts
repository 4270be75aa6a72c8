import { isLetter } from './chars.ts'
import { SecurityError } from './errors.ts'

const formatting = new Set([
  'a',
  'b',
  'big',
  'code',
  'em',
  'font',
  'i',
  'nobr',
  's',
  'small',
  'strike',
  'strong',
  'tt',
  'u',
])

/** The most start tags a fragment may have, and the most nodes a parser may make of its unclosed formatting elements. */
const mostTags = 4_096
const mostReconstructed = 262_144

/**
 * Refuses markup that would make a parser work out of proportion to its length: too long, too many tags (each may nest in the
 * one before), or formatting elements that are never closed and so are made anew in every block after them.
 * @throws ERR_SHOP_SECURITY_MARKUP
 */
export function checkMarkup(markup: string, maxLength: number): void {
  if (markup.length > maxLength)
    throw new SecurityError(
      'ERR_SHOP_SECURITY_MARKUP',
      `The markup has ${markup.length} characters, and at most ${maxLength} are sanitised.`,
    )
  let tags = 0
  let formats = 0
  for (let i = markup.indexOf('<'); i >= 0; i = markup.indexOf('<', i + 1)) {
    if (!isLetter(markup.charCodeAt(i + 1))) continue
    let end = i + 2
    while (end < markup.length && end - i < 8 && isLetter(markup.charCodeAt(end))) end++
    if (++tags > mostTags)
      throw new SecurityError('ERR_SHOP_SECURITY_MARKUP', `The markup has more than ${mostTags} tags.`)
    if (formatting.has(markup.slice(i + 1, end).toLowerCase())) formats++
    if (formats * (tags - formats) > mostReconstructed)
      throw new SecurityError(
        'ERR_SHOP_SECURITY_MARKUP',
        'The markup has too many formatting elements among its blocks.',
      )
  }
}
