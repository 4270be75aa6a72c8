import { setImmediate as turn } from 'node:timers/promises'

/** How long a scrape may hold the event loop before it lets others run. */
const SLICE_MS = 1
/** Looking at the clock costs as much as a line or two. */
const STEPS_PER_LOOK = 4

/** Work in slices, between which the event loop is free. */
export class Slice {
  #began = performance.now()
  #steps = 0

  /** Asked after each step; `now` looks at the clock whatever the step. */
  over(now = false): boolean {
    if (!now && ++this.#steps % STEPS_PER_LOOK !== 0) return false
    return performance.now() - this.#began > SLICE_MS
  }

  async next(): Promise<void> {
    await turn()
    this.#began = performance.now()
  }
}
