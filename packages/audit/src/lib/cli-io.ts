/** Where a command writes, and what it may assume of its reader. */
export interface CliIo {
  readonly out: (line: string) => void
  readonly err: (text: string) => void
  /** Whether `err` is a terminal, where a bar can be redrawn. */
  readonly terminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
}

/** A bar on stderr with the time that is left; nothing where stderr is no terminal. */
export class Progress {
  readonly #io: CliIo
  readonly #what: string
  readonly #started = performance.now()
  #drawn = 0

  constructor(io: CliIo, what: string) {
    this.#io = io
    this.#what = what
  }

  /** Redraws at most ten times a second. */
  show(done: number, total: number | undefined): void {
    if (!this.#io.terminal) return
    const now = performance.now()
    if (now - this.#drawn < 100 && done !== total) return
    this.#drawn = now
    const seconds = (now - this.#started) / 1000
    const rate = `${Math.round(done / Math.max(seconds, 0.001))}/s`
    if (total === undefined) return this.#io.err(`\r${this.#what} ${done} (${rate})\u001b[K`)
    const share = total === 0 ? 1 : done / total
    const bar = '#'.repeat(Math.round(share * 30)).padEnd(30, '.')
    const left = share > 0 ? Math.round(seconds / share - seconds) : 0
    this.#io.err(
      `\r${this.#what} [${bar}] ${Math.round(share * 100)}% ${done}/${total} (${rate}, ${left} s left)\u001b[K`,
    )
  }

  end(): void {
    if (this.#io.terminal && this.#drawn > 0) this.#io.err('\r\u001b[K')
  }
}

/** Rows under their names, as wide as they need to be. */
export function table(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const first = rows[0]
  if (!first) return []
  const names = Object.keys(first)
  const cells = rows.map((row) =>
    names.map((name) => (row[name] === null || row[name] === undefined ? '' : String(row[name]))),
  )
  const widths = names.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)))
  return [names, ...cells].map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('  ')
      .trimEnd(),
  )
}
