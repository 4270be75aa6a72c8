/**
 * Cuts rows out of one text that holds them end to end, so that a few thousand rows arrive as one long value and not
 * as a message each. `frames` has `n,length,length;` for every row; lengths are PostgreSQL's, in code points. As
 * nothing is searched for, no content of a row can pass for the border of the next.
 */
export function cutRows(text: string, frames: string, onRow: (n: number, first: string, second: string) => void): void {
  const advance = /[\ud800-\udbff]/.test(text) ? byCodePoints : byUnits
  for (let at = 0, frame = 0; frame < frames.length;) {
    const end = frames.indexOf(';', frame)
    const [n, first, second] = frames.slice(frame, end).split(',')
    const middle = advance(text, at, Number(first))
    const next = advance(text, middle, Number(second))
    onRow(Number(n), text.slice(at, middle), text.slice(middle, next))
    at = next
    frame = end + 1
  }
}

function byUnits(_text: string, at: number, points: number): number {
  return at + points
}

/** A character beyond U+FFFF is one to PostgreSQL and two units to JavaScript. */
function byCodePoints(text: string, at: number, points: number): number {
  let end = at
  for (let i = 0; i < points; i++) end += text.codePointAt(end)! > 0xffff ? 2 : 1
  return end
}
