import type { Pool, PoolClient } from 'pg'

import { acquire } from './connection.ts'
import { copyTuples, insertStatements, insertTuples, type InsertStatements } from './insert.ts'
import type { Tuple } from './tuple.ts'

/** One connection of the pool, kept while a lane has rows to write, and given back when it has none. */
export class DatabaseWriter {
  readonly #pool: Pool
  readonly #schema: string
  readonly #statements: InsertStatements
  readonly #adopted = new WeakSet<PoolClient>()
  #client: PoolClient | undefined

  constructor(pool: Pool, schema: string) {
    this.#pool = pool
    this.#schema = schema
    this.#statements = insertStatements(schema)
  }

  /** Writes rows in one statement within `timeout` milliseconds; on any error the connection is thrown away. */
  write(tuples: readonly Tuple[], timeout: number): Promise<void> {
    return this.#run(insertTuples, tuples, timeout)
  }

  /** Writes rows that are hardly there yet, as {@link write} does but with COPY first. */
  copy(tuples: readonly Tuple[], timeout: number): Promise<void> {
    return this.#run(copyTuples, tuples, timeout)
  }

  async #run(way: typeof copyTuples, tuples: readonly Tuple[], timeout: number): Promise<void> {
    const client = (this.#client ??= await this.#connect())
    try {
      await way(client, this.#statements, tuples, timeout)
    } catch (error) {
      this.#client = undefined
      client.release(true)
      throw error
    }
  }

  /** Gives the connection back. */
  release(): void {
    this.#client?.release()
    this.#client = undefined
  }

  async #connect(): Promise<PoolClient> {
    const client = await acquire(this.#pool)
    if (this.#adopted.has(client)) return client
    try {
      await client.query(`select ${this.#schema}.adopt()`)
    } catch (error) {
      client.release(true)
      throw error
    }
    this.#adopted.add(client)
    return client
  }
}
