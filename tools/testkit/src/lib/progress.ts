/** Shows how far a long job is, on stderr. */
export interface Progress extends Disposable {
  tick(n?: number): void
  /** The last line; further ticks are silent. */
  done(): void
}

interface Screen {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** On a terminal one line that moves; elsewhere (a log, CI) a line at each tenth. */
export function progress(name: string, total: number, screen: Screen = process.stderr): Progress {
  const start = performance.now()
  let count = 0
  let shown = -1
  let over = false
  const draw = (): void => {
    const part = total === 0 ? 1 : Math.min(1, count / total)
    const step = Math.floor(part * (screen.isTTY ? 200 : 10))
    if (step === shown) return
    shown = step
    const full = Math.round(part * 24)
    const bar = screen.isTTY ? `[${'#'.repeat(full)}${' '.repeat(24 - full)}] ` : ''
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const line = `${name} ${bar}${Math.floor(part * 100)}%  ${count}/${total}  ${seconds} s`
    screen.write(screen.isTTY ? `\r${line}\u001B[K` : `${line}\n`)
  }
  const done = (): void => {
    if (over) return
    shown = -1
    draw()
    over = true
    if (screen.isTTY) screen.write('\n')
  }
  draw()
  return {
    tick(n = 1) {
      count += n
      if (!over) draw()
    },
    done,
    [Symbol.dispose]: done,
  }
}
