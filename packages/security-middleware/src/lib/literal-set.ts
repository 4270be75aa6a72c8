import { lower } from './word-table.ts'

const none: readonly string[] = []

/**
 * A fixed set of lower-case literals of two characters and more, looked up by the first two: at nearly every place of a text
 * that is one table access and no comparison.
 */
export class LiteralSet {
  readonly #slots = new Uint16Array(128 * 128)
  readonly #lists: string[][] = [[]]

  constructor(literals: readonly string[]) {
    for (const literal of literals) {
      const pair = (literal.charCodeAt(0) << 7) | literal.charCodeAt(1)
      if (this.#slots[pair] === 0) this.#slots[pair] = this.#lists.push([]) - 1
      this.#lists[this.#slots[pair]!]!.push(literal)
    }
  }

  /** The literals whose first two characters stand at `at`, in any case, in the order given. */
  startingAt(text: string, at: number): readonly string[] {
    const first = text.charCodeAt(at)
    const second = text.charCodeAt(at + 1)
    // past the end is NaN, which is not below 128 either
    if (!(first < 128 && second < 128)) return none
    const slot = this.#slots[(lower(first) << 7) | lower(second)]!
    return slot === 0 ? none : this.#lists[slot]!
  }

  /** Whether any of them stands in a text that is in lower case already. */
  isIn(text: string): boolean {
    for (let i = 0; i < text.length - 1; i++)
      for (const literal of this.startingAt(text, i)) if (text.startsWith(literal, i)) return true
    return false
  }
}
