import type { Priority, Refusal, Waiter } from './gate.ts'

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

  /** Takes a waiter in; when there is no room who matters less is refused for it. False when nobody matters less. */
  admit(waiter: Waiter, full: () => Refusal): boolean {
    const displaced = this.#size >= this.#capacity ? this.#least(RANK[waiter.priority]) : undefined
    if (displaced) this.remove(displaced)
    if (this.#size >= this.#capacity) return false
    this.#rows[RANK[waiter.priority]]!.push(waiter)
    this.#size++
    displaced?.refused(full())
    return true
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

  #least(rank: number): Waiter | undefined {
    for (let row = 2; row > rank; row--) {
      const waiter = this.#rows[row]!.at(-1)
      if (waiter) return waiter
    }
    return undefined
  }
}
