/** Time that moves only when the test moves it; its functions are parameters of what is tested. */
export interface FakeClock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly setTimeout: (run: () => void, ms: number) => number
  readonly clearTimeout: (timer: number) => void
  /** Rejects with the signal's reason when it is aborted. */
  readonly sleep: (ms: number, options?: { readonly signal?: AbortSignal }) => Promise<void>
  /** How many timers wait. */
  readonly pending: () => number
  /** Moves on by `ms`, runs what falls due in its order, and lets promises settle after each. */
  readonly advance: (ms: number) => Promise<void>
}

/** @param start milliseconds since the epoch; by default the first second of 2026 in UTC. */
export function fakeClock(start: number = Date.UTC(2026, 0, 1)): FakeClock {
  let time = start
  let last = 0
  const timers = new Map<number, { readonly due: number; readonly run: () => void }>()
  const set = (run: () => void, ms: number): number => {
    timers.set(++last, { due: time + Math.max(0, ms), run })
    return last
  }
  const next = (until: number): [number, { due: number; run: () => void }] | undefined =>
    [...timers].filter(([, timer]) => timer.due <= until).toSorted(([a, x], [b, y]) => x.due - y.due || a - b)[0]
  return {
    now: () => time,
    setTimeout: set,
    clearTimeout: (timer) => void timers.delete(timer),
    pending: () => timers.size,
    sleep: (ms, { signal } = {}) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        const timer = set(resolve, ms)
        signal?.addEventListener('abort', () => timers.delete(timer) && reject(signal.reason), { once: true })
      }),
    async advance(ms) {
      const until = time + ms
      await settle()
      for (let due = next(until); due; due = next(until)) {
        const [timer, { due: at, run }] = due
        timers.delete(timer)
        time = Math.max(time, at)
        run()
        await settle()
      }
      time = until
    },
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
