/** Where a progress bar is drawn: stderr. */
export interface Screen {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Draws one line that says how far a job is, how fast, and how long it will take; at most ten times a second, and whole tenths where there is no terminal. */
export class ProgressBar {
  readonly #name: string
  readonly #unit: string
  readonly #screen: Screen
  readonly #started: number = performance.now()
  #drawn = -Infinity
  #step = -1

  constructor(name: string, unit: string, screen: Screen) {
    this.#name = name
    this.#unit = unit
    this.#screen = screen
  }

  /** @param total 0 when it is not known. */
  show(done: number, total: number, note = ''): void {
    const now = performance.now()
    const step = total === 0 ? 0 : Math.floor((done / total) * 10)
    const due = this.#screen.isTTY ? now - this.#drawn >= 100 || done === total : step !== this.#step
    if (!due) return
    this.#drawn = now
    this.#step = step
    const seconds = (now - this.#started) / 1000
    const rate = done / Math.max(seconds, 0.001)
    const left = total > done && done > 0 ? `, ${clock((total - done) / rate)} left` : ''
    const part = total === 0 ? '' : `${bar(done / total)} ${Math.floor((done / total) * 100)}%  `
    const line = `${this.#name} ${part}${amount(done)}${total === 0 ? '' : `/${amount(total)}`} ${this.#unit}, ${amount(Math.round(rate))}/s${left}${note && `, ${note}`}`
    this.#screen.write(this.#screen.isTTY ? `\r${line}\u001B[K` : `${line}\n`)
  }

  end(): void {
    if (this.#screen.isTTY && this.#step !== -1) this.#screen.write('\n')
  }
}

function bar(part: number): string {
  const full = Math.min(20, Math.round(part * 20))
  return `[${'#'.repeat(full)}${'.'.repeat(20 - full)}]`
}

function amount(value: number): string {
  return value.toLocaleString('en-US')
}

function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
