import { SecurityError } from './errors.ts'
import { sqlTokens } from './sql-tokens.ts'
import { Sql } from './sql-words.ts'

/**
 * Writes a statement out of a template and makes sure that every value stayed what the template made of it: one token (a number, a
 * name) or a part of one string. For the places where no parameter can stand (a column to sort by, a legacy statement); everywhere
 * else use parameters, which cannot go wrong.
 * @throws ERR_SHOP_SECURITY_SINK when a value changed the statement's structure.
 * @example await db.query(sql`select id from products order by ${column}`, [])
 */
export function sql(strings: TemplateStringsArray, ...values: readonly (string | number | bigint | boolean)[]): string {
  // what the template itself means: its tokens with the plainest value in every hole
  const plain = kindsOf(strings.join('1'))
  const holes: (readonly [start: number, end: number])[] = []
  let text = strings[0]!
  for (let i = 0; i < values.length; i++) {
    const value = String(values[i])
    holes.push([text.length, text.length + value.length])
    text += value + strings[i + 1]!
  }
  const tokens = sqlTokens(text, 'bare')
  let same = tokens.length === plain.length && tokens.inline === 0
  for (let i = 0; same && i < tokens.length; i++) same = isLike(tokens.kinds[i]!, plain[i]!)
  for (const [start, end] of holes) {
    let inside = false
    for (let i = 0; i < tokens.length && !inside; i++) {
      inside = tokens.starts[i]! <= start && tokens.ends[i]! >= end && holds(tokens.kinds[i]!)
    }
    same &&= inside
  }
  if (same && !text.includes('\0') && !values.some((value) => String(value).includes('\\'))) return text
  throw new SecurityError(
    'ERR_SHOP_SECURITY_SINK',
    'A value changed the structure of a statement of sql`…`. Pass it as a parameter.',
  )
}

function kindsOf(text: string): readonly number[] {
  const tokens = sqlTokens(text, 'bare')
  return Array.from(tokens.kinds.subarray(0, tokens.length))
}

/** A hole's number in the plain reading may be a name in the real one; everything else must be what it was. */
const isLike = (kind: number, plain: number): boolean => kind === plain || (plain === Sql.number && kind === Sql.word)

const holds = (kind: number): boolean => kind === Sql.number || kind === Sql.word || kind === Sql.string
