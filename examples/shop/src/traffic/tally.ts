/** What came of requests, counted by what was tried, status and cause. */
export class Tally {
  readonly #counts = new Map<string, { what: string; status: number; cause: string; count: number }>()

  add(what: string, status: number, cause: string): void {
    const key = `${what}\0${status}\0${cause}`
    const entry = this.#counts.get(key) ?? { what, status, cause, count: 0 }
    entry.count++
    this.#counts.set(key, entry)
  }

  /** How many requests ended with one of `statuses`. */
  count(...statuses: readonly number[]): number {
    return [...this.#counts.values()]
      .filter(({ status }) => statuses.includes(status))
      .reduce((n, { count }) => n + count, 0)
  }

  /** A table: served first, then refused, each by status and cause. */
  toString(): string {
    const rows = [...this.#counts.values()].toSorted((a, b) => a.status - b.status || b.count - a.count)
    const widths = [
      Math.max(...rows.map(({ what }) => what.length)),
      Math.max(...rows.map(({ cause }) => cause.length)),
    ]
    return rows
      .map(({ what, status, cause, count }) =>
        [
          status >= 400 || status === 0 ? '  refused' : '  served ',
          status === 0 ? '  –' : status,
          what.padEnd(widths[0]!),
          cause.padEnd(widths[1]!),
          String(count).padStart(6),
        ].join('  '),
      )
      .join('\n')
  }
}
