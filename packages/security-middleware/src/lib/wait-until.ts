import { setImmediate as immediate } from 'node:timers/promises'

/** How long before its instant a wait leaves the timer, in milliseconds: a timer may be up to one late. */
const awake = 1.5
/** The longest that one wait keeps the processor without a pause, in milliseconds. */
export const longestSpin = 0.25
/** The share of time that all waits together may spin; beyond it they only yield. */
export const spinShare = 0.1

let windowStart = 0
let spun = 0

/**
 * Waits until an instant of `performance.now()`. A timer alone ends up to a millisecond late, by an amount that
 * varies with the work before it: so a timer for most of the wait, then turns of the event loop, in which others are
 * served, and at the very end a spin of at most {@link longestSpin}.
 *
 * Ends early, without an error, when `signal` aborts: nobody is there to be answered.
 */
export async function waitUntil(instant: number, signal?: AbortSignal): Promise<void> {
  const long = instant - performance.now() - awake
  if (long > 0) await sleep(long, signal)
  while (signal?.aborted !== true && instant - performance.now() > longestSpin) await immediate()
  if (signal?.aborted !== true) spin(instant)
}

function spin(instant: number): void {
  const start = performance.now()
  if (start - windowStart > 1000) {
    windowStart = start
    spun = 0
  }
  if (spun > spinShare * 1000) return
  let now = start
  while (now < instant) now = performance.now()
  spun += now - start
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done, { once: true })
    if (signal?.aborted) done()
  })
}
