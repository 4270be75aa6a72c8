/** How far a longer piece of work has come. */
export interface Progress {
  /** Shows that `done` of the total is done, and what comes next. */
  at(done: number, label: string): void
  end(): void
}

/** A bar on stderr; where that is no terminal, silence. */
export function progressBar(total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  const draw = (text: string) => void (stream.isTTY && stream.write(`\r\u001B[2K${text}`))
  return {
    at(done, label) {
      const filled = Math.round((done / total) * 30)
      draw(
        `${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${String(Math.round((done / total) * 100)).padStart(3)} %  ${label}`,
      )
    },
    end: () => draw(''),
  }
}
