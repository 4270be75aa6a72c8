import type { Chain } from './chain.ts'
import type { DatabaseWriter } from './database-writer.ts'
import { AuditError } from './errors.ts'
import { channels } from './events.ts'
import type { PreparedEvent } from './prepare.ts'
import { faultOf } from './sql-state.ts'
import type { Tuple } from './tuple.ts'

export interface GroupCommitOptions {
  readonly writer: DatabaseWriter
  readonly chain: Chain
  /** Events that may wait at once. */
  readonly maxPending: number
  readonly whenFull: 'reject' | 'wait'
  /** How long an event may wait for its commit, in milliseconds. */
  readonly deadline: number
  /** Takes events while the database is away; `undefined` keeps them until their deadline. */
  readonly divert: ((tuples: readonly Tuple[]) => Promise<void>) | undefined
}

interface Waiting {
  readonly event: PreparedEvent
  tuple: Tuple
  readonly until: number
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

const MAX_FLUSH = 1000

/**
 * The critical lane. A flush takes everything that waits; what comes while it runs waits for the next. So 256 callers
 * cost a few statements instead of 256, and a caller alone pays one statement and nothing else.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions
  #queue: Waiting[] = []
  #flushing: Promise<void> | undefined
  #room: (() => void)[] = []

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  get pending(): number {
    return this.#queue.length
  }

  /** Settles when the event is committed. @throws ERR_SHOP_AUDIT_QUEUE_FULL, _NOT_RECORDED, _REFUSED */
  async add(event: PreparedEvent): Promise<void> {
    while (this.#queue.length >= this.#options.maxPending) {
      if (this.#options.whenFull === 'reject')
        throw new AuditError(
          'ERR_SHOP_AUDIT_QUEUE_FULL',
          `${this.#options.maxPending} events wait for the database (critical.maxPending)`,
        )
      await new Promise<void>((resolve) => this.#room.push(resolve))
    }
    await new Promise<void>((done, failed) => {
      const until = performance.now() + this.#options.deadline
      this.#queue.push({ event, tuple: this.#options.chain.link(event), until, done, failed })
      this.#flushing ??= Promise.resolve().then(() => this.#flushAll())
    })
  }

  /** Settles when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing
  }

  async #flushAll(): Promise<void> {
    while (this.#queue.length > 0) await this.#flush(this.#queue.splice(0, MAX_FLUSH))
    this.#options.writer.release()
    this.#flushing = undefined
  }

  async #flush(batch: readonly Waiting[]): Promise<void> {
    const started = performance.now()
    for (let attempt = 0; ; attempt++) {
      try {
        const left = Math.max(100, batch[0]!.until - performance.now())
        await this.#options.writer.write(
          batch.map((waiting) => waiting.tuple),
          left,
        )
        for (const waiting of batch) waiting.done()
        this.#freeRoom()
        if (channels.flushed.hasSubscribers)
          channels.flushed.publish({
            lane: 'critical',
            rows: batch.length,
            seconds: (performance.now() - started) / 1000,
          })
        return
      } catch (error) {
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'critical', error })
        if (faultOf(error) === 'data') return this.#isolate(batch, error)
        if (this.#options.divert) return this.#divert(batch, this.#options.divert)
        const left = batch[0]!.until - performance.now()
        if (left <= 0) return this.#giveUp(batch, error)
        await pause(Math.min(20 * 2 ** attempt, 500, left))
      }
    }
  }

  /** The database is away: the same rows go to the spool, whose sync is their acknowledgement. */
  async #divert(batch: readonly Waiting[], divert: (tuples: readonly Tuple[]) => Promise<void>): Promise<void> {
    try {
      await divert(batch.map((waiting) => waiting.tuple))
      for (const waiting of batch) waiting.done()
    } catch (error) {
      for (const waiting of batch) waiting.failed(error)
    }
    this.#freeRoom()
    this.#relink()
  }

  /** One row of a batch is refused: each goes alone, and only the refused one fails. */
  async #isolate(batch: readonly Waiting[], error: unknown): Promise<void> {
    this.#options.chain.restart()
    if (batch.length === 1) {
      batch[0]!.failed(new AuditError('ERR_SHOP_AUDIT_REFUSED', 'the database refused the event', { cause: error }))
      this.#freeRoom()
    } else {
      for (const waiting of batch) {
        waiting.tuple = this.#options.chain.link(waiting.event)
        await this.#flush([waiting])
      }
    }
    this.#relink()
  }

  /** The rows may be there or not, so they keep their links and share one fate. */
  #giveUp(batch: readonly Waiting[], error: unknown): void {
    for (const waiting of batch)
      waiting.failed(
        new AuditError(
          'ERR_SHOP_AUDIT_NOT_RECORDED',
          `no commit within ${this.#options.deadline} ms (critical.deadline); record it again under the same id`,
          { cause: error },
        ),
      )
    this.#freeRoom()
    this.#relink()
  }

  /** Events in the queue were linked to one that never came: they begin a chain of their own. */
  #relink(): void {
    this.#options.chain.restart()
    for (const waiting of this.#queue) waiting.tuple = this.#options.chain.link(waiting.event)
  }

  #freeRoom(): void {
    const waiting = this.#room
    this.#room = []
    for (const resolve of waiting) resolve()
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(1, ms)))
}
