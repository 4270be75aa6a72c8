import type { DatabaseWriter } from './database-writer.ts'
import { channels } from './events.ts'
import { faultOf } from './sql-state.ts'
import type { Spool, SpoolBatch } from './spool.ts'
import type { Tuple } from './tuple.ts'

export interface DrainOptions {
  readonly spool: Spool
  readonly writer: DatabaseWriter
  /** Rows of one statement. */
  readonly batchRows: number
  /** Bytes of one statement, about. */
  readonly batchBytes: number
  /** How long one statement may take, in milliseconds. */
  readonly timeout: number
}

/** Carries the spool into the database, for as long as it takes: an outage only makes it wait longer between attempts. */
export class Drain {
  readonly #options: DrainOptions
  #running: Promise<void> | undefined
  #stopped = false
  #wake: () => void = () => {}
  #failures = 0

  constructor(options: DrainOptions) {
    this.#options = options
    options.spool.onRows = () => this.start()
  }

  /** Begins to carry, unless it does so already. */
  start(): void {
    if (this.#stopped) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Settles when the spool is empty; `false` when it is not within `ms`. */
  async empty(ms: number): Promise<boolean> {
    const until = performance.now() + ms
    this.start()
    while (this.#running) {
      const left = until - performance.now()
      if (left <= 0) return false
      await Promise.race([this.#running, pause(left)])
    }
    return true
  }

  /** Stops between two statements. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { spool, writer } = this.#options
    while (!this.#stopped) {
      try {
        const batch = await spool.take(this.#options.batchRows, this.#options.batchBytes)
        if (batch.tuples.length === 0) break
        await this.#write(batch)
        this.#failures = 0
      } catch (error) {
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'buffered', error })
        await spool.rewind()
        await this.#backOff()
      }
    }
    writer.release()
  }

  async #write(batch: SpoolBatch): Promise<void> {
    const started = performance.now()
    await this.#insert(batch.tuples)
    await this.#options.spool.written(batch)
    if (channels.flushed.hasSubscribers)
      channels.flushed.publish({
        lane: 'buffered',
        rows: batch.tuples.length,
        seconds: (performance.now() - started) / 1000,
      })
  }

  /** Halves a batch the database refuses, until the row it refuses stands alone. */
  async #insert(tuples: readonly Tuple[]): Promise<void> {
    try {
      await this.#options.writer.copy(tuples, this.#options.timeout)
    } catch (error) {
      if (faultOf(error) !== 'data') throw error
      if (tuples.length === 1) {
        await this.#options.spool.quarantine(tuples[0]!)
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'buffered', error })
        return
      }
      const half = Math.ceil(tuples.length / 2)
      await this.#insert(tuples.slice(0, half))
      await this.#insert(tuples.slice(half))
    }
  }

  async #backOff(): Promise<void> {
    const ms = Math.min(50 * 2 ** this.#failures++, 2000)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      timer.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
