import type { Priority, Waiter } from './gate.ts'

const RANK: Readonly<Record<Priority, number>> = { critical: 0, normal: 1, background: 2 }

/** A bounded place to wait, by priority: who matters more goes first, and when it is full who matters less leaves. */
export class WaitingRoom {
  readonly #capacity: number
  readonly #rows: readonly [Waiter[], Waiter[], Waiter[]] = [[], [], []]
  #size = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#size
  }

  /** Takes a waiter in. Gives who must leave for it: itself when nobody matters less, nobody when there is room. */
  admit(waiter: Waiter): Waiter | undefined {
    if (this.#size >= this.#capacity) {
      const displaced = this.#least(RANK[waiter.priority])
      if (!displaced) return waiter
      this.remove(displaced)
      this.#push(waiter)
      return displaced
    }
    this.#push(waiter)
    return undefined
  }

  /** Who would go in next: the highest priority, in it the oldest. */
  first(): Waiter | undefined {
    return this.#rows.find((row) => row.length > 0)?.[0]
  }

  /** Like {@link first}, but in it the newest. */
  last(): Waiter | undefined {
    return this.#rows.find((row) => row.length > 0)?.at(-1)
  }

  remove(waiter: Waiter): void {
    const row = this.#rows[RANK[waiter.priority]]!
    const at = row.indexOf(waiter)
    if (at < 0) return
    row.splice(at, 1)
    this.#size--
  }

  #push(waiter: Waiter): void {
    this.#rows[RANK[waiter.priority]]!.push(waiter)
    this.#size++
  }

  #least(rank: number): Waiter | undefined {
    for (let row = 2; row > rank; row--) {
      const waiter = this.#rows[row]!.at(-1)
      if (waiter) return waiter
    }
    return undefined
  }
}
