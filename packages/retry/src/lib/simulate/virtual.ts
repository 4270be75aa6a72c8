import type { Runtime } from '../runtime.ts'
import { Wheel } from '../wheel.ts'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
  cancelled: boolean
}

/** More steps than any chain of promises from an answer to the end of its call has. */
const HOPS = 12
const SETTLED: Promise<void> = Promise.resolve()

/**
 * A virtual clock with its own chance: a pipeline built on it is the shipped one, but an hour passes in as long as its events
 * take. Events at the same moment run in the order they were planned.
 */
export class VirtualRuntime implements Runtime {
  readonly wheel: Wheel = new Wheel(this)
  readonly #heap: Event[] = []
  #now = 0
  #order = 0
  #events = 0
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  now(): number {
    return this.#now
  }

  coarse(): number {
    return this.#now
  }

  /** mulberry32: small, fast, and the same on every machine. */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A waiting time of a Poisson process. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random())
  }

  after(ms: number, run: () => void): () => void {
    const event: Event = { at: this.#now + ms, order: this.#order++, run, cancelled: false }
    this.#push(event)
    return () => {
      event.cancelled = true
    }
  }

  /** Lets virtual time pass; promises settle between any two moments. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.at > untilMs) break
      this.#pop()
      if (next.cancelled) continue
      this.#now = next.at
      next.run()
      await this.#settle()
    }
    this.#now = untilMs
  }

  /** Promises settle before time passes on; now and then the real event loop gets its turn too. */
  async #settle(): Promise<void> {
    for (let hop = 0; hop < HOPS; hop++) await SETTLED
    if (++this.#events % 4096 === 0) await new Promise(setImmediate)
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
