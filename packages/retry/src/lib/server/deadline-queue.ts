/** Something that waits for a worker. */
interface Waiting<T> {
  readonly item: T
  readonly since: number
  readonly due: number
}

/** How the queue decides that it is overloaded, in milliseconds. */
export interface QueueShape {
  readonly limit: number
  /** A wait that is fine. */
  readonly target: number
  /** How long it may be worse before it is overload. */
  readonly interval: number
}

/**
 * A queue that forgets what nobody waits for. First in first out while it is short; when the wait has been over `target` for
 * `interval` it is overloaded and the newest goes first, because its caller is the most likely still there (adaptive LIFO and
 * CoDel: Nichols and Jacobson 2012; Maurer, "Fail at Scale", 2015). What is past its time is dropped in either order, and in
 * overload the oldest is dropped at CoDel's growing rate.
 */
export class DeadlineQueue<T> {
  readonly #shape: QueueShape
  readonly #drop: (item: T, why: 'late' | 'overload') => void
  readonly #jobs: Waiting<T>[] = []
  #head = 0
  #badSince: number | undefined
  #dropAt = 0
  #drops = 0

  constructor(shape: QueueShape, drop: (item: T, why: 'late' | 'overload') => void) {
    this.#shape = shape
    this.#drop = drop
  }

  get size(): number {
    return this.#jobs.length - this.#head
  }

  /** Whether the newest goes first now. */
  overloaded(now: number): boolean {
    return this.#badSince !== undefined && now - this.#badSince >= this.#shape.interval
  }

  push(item: T, due: number, now: number): void {
    if (this.size >= this.#shape.limit) this.#dropOldest('overload')
    this.#jobs.push({ item, since: now, due })
    this.#observe(now)
  }

  shift(now: number): T | undefined {
    this.#observe(now)
    for (;;) {
      const waiting = this.overloaded(now) ? this.#jobs.pop() : this.#takeOldest()
      this.#tidy()
      if (!waiting) return undefined
      if (waiting.due > now) return waiting.item
      this.#drop(waiting.item, 'late')
    }
  }

  /** Takes one out that no longer waits. */
  remove(item: T): boolean {
    const at = this.#jobs.findIndex((waiting, index) => index >= this.#head && waiting.item === item)
    if (at < 0) return false
    this.#jobs.splice(at, 1)
    return true
  }

  #observe(now: number): void {
    const oldest = this.#jobs[this.#head]
    if (!oldest || now - oldest.since <= this.#shape.target) {
      this.#badSince = undefined
      this.#drops = 0
      return
    }
    this.#badSince ??= now
    while (this.size > 0 && this.#jobs[this.#head]!.due <= now) this.#dropOldest('late')
    if (!this.overloaded(now) || this.size === 0) return
    if (this.#drops === 0) this.#dropAt = now
    while (this.#dropAt <= now && this.size > 1) {
      this.#dropOldest('overload')
      this.#drops++
      this.#dropAt += this.#shape.interval / Math.sqrt(this.#drops)
    }
  }

  #takeOldest(): Waiting<T> | undefined {
    return this.#head < this.#jobs.length ? this.#jobs[this.#head++] : undefined
  }

  #dropOldest(why: 'late' | 'overload'): void {
    const waiting = this.#takeOldest()
    this.#tidy()
    if (waiting) this.#drop(waiting.item, why)
  }

  #tidy(): void {
    if (this.#head < this.#jobs.length && this.#head < 1024) return
    this.#jobs.splice(0, this.#head)
    this.#head = 0
  }
}
