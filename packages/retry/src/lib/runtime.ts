import { Wheel } from './wheel.ts'

/** Where time and chance come from. The simulator gives a virtual one; everything else uses {@link systemRuntime}. */
export interface Runtime {
  /** Monotonic milliseconds. */
  now(): number
  /** The same clock, up to {@link BEAT_MS} behind: for windows, where a clock read per call would cost more than the call. */
  coarse(): number
  /** From 0 (included) to 1 (excluded). */
  random(): number
  /** Calls `fire` once after `ms`; gives what cancels it. */
  after(ms: number, fire: () => void): () => void
  /** The one wheel all deadlines, timeouts and backoffs of this runtime turn on. */
  readonly wheel: Wheel
}

const BEAT_MS = 50

class SystemRuntime implements Runtime {
  readonly wheel: Wheel = new Wheel(this)
  #cached = 0
  #beating = false
  #asked = false

  now(): number {
    return performance.now()
  }

  coarse(): number {
    this.#asked = true
    if (!this.#beating) this.#beat()
    return this.#cached
  }

  random(): number {
    return Math.random()
  }

  after(ms: number, fire: () => void): () => void {
    const timer = setTimeout(fire, ms)
    return () => clearTimeout(timer)
  }

  #beat(): void {
    this.#cached = performance.now()
    this.#beating = true
    this.#asked = false
    setTimeout(() => {
      this.#beating = false
      if (this.#asked) this.#beat()
    }, BEAT_MS).unref()
  }
}

/** The machine's own clock and chance. */
export const systemRuntime: Runtime = new SystemRuntime()
