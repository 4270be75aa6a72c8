/**
 * A fixed set of ASCII words, each with a small number, looked up in place without cutting a substring.
 * Open addressing over a power of two; a lookup costs one hash of the word and, nearly always, one comparison.
 */
export class WordTable {
  readonly #mask: number
  readonly #words: (string | undefined)[]
  readonly #values: Uint16Array
  readonly #longest: number

  constructor(groups: ReadonlyArray<readonly [value: number, words: string]>) {
    const entries = groups.flatMap(([value, words]) =>
      words
        .split(/\s+/)
        .filter(Boolean)
        .map((word) => [word, value] as const),
    )
    let size = 64
    while (size < entries.length * 4) size *= 2
    this.#mask = size - 1
    this.#words = Array.from({ length: size })
    this.#values = new Uint16Array(size)
    let longest = 0
    for (const [word, value] of entries) {
      let slot = hash(word, 0, word.length) & this.#mask
      while (this.#words[slot] !== undefined && this.#words[slot] !== word) slot = (slot + 1) & this.#mask
      this.#words[slot] = word
      this.#values[slot] = value
      longest = Math.max(longest, word.length)
    }
    this.#longest = longest
  }

  /** The number of the word at `start`, upper or lower case, or 0. */
  lookup(text: string, start: number, end: number): number {
    if (end - start > this.#longest) return 0
    let slot = hash(text, start, end) & this.#mask
    for (;;) {
      const word = this.#words[slot]
      if (word === undefined) return 0
      if (word.length === end - start && same(word, text, start)) return this.#values[slot]!
      slot = (slot + 1) & this.#mask
    }
  }
}

/** ASCII lower case of one code unit; other units are unchanged. */
export const lower = (unit: number): number => (unit >= 65 && unit <= 90 ? unit | 32 : unit)

/** Whether `text` has the lower-case `word` at `start`, in any case. */
export function startsWithWord(text: string, word: string, start: number): boolean {
  return start + word.length <= text.length && same(word, text, start)
}

function same(word: string, text: string, start: number): boolean {
  for (let i = 0; i < word.length; i++) if (word.charCodeAt(i) !== lower(text.charCodeAt(start + i))) return false
  return true
}

function hash(text: string, start: number, end: number): number {
  let h = 0
  for (let i = start; i < end; i++) h = (Math.imul(h, 31) + lower(text.charCodeAt(i))) | 0
  return h ^ (h >>> 11)
}
