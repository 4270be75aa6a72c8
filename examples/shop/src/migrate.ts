import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'

import type pg from 'pg'

import { BootError } from './boot-error.ts'

interface Migration {
  readonly number: number
  readonly name: string
  readonly sql: string
  readonly hash: string
}

const folder = new URL('sql/', import.meta.url)

/** The numbered files under sql/, in order. One that has been released is never edited. */
export function migrations(): Migration[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_.*\.sql$/.test(name))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8')
      return { number: Number(name.slice(0, 4)), name, sql, hash: createHash('sha256').update(sql).digest('hex') }
    })
}

/**
 * Brings the database to the newest migration. Several processes may call this at once: one works, the others wait.
 * A migration is announced before it runs and marked finished in its own transaction, so one that was cut off is seen.
 * @throws {BootError} when a migration is half-finished, was edited after it ran, fails, or is unknown to this release
 */
export async function migrate(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    await client.query("select pg_advisory_lock(hashtext('shop migrations'))")
    await client.query(`
      create table if not exists migrations (
        number int primary key, name text not null, hash text not null,
        started_at timestamptz not null default now(), finished_at timestamptz)`)
    const pending = await unapplied(client)
    for (const migration of pending) await apply(client, migration)
    return pending.length
  } finally {
    // closing the session gives the lock back, whatever state it is in
    client.release(true)
  }
}

async function unapplied(client: pg.PoolClient): Promise<Migration[]> {
  const known = migrations()
  const { rows } = await client.query<Migration & { started_at: Date; finished_at: Date | null }>(
    'select * from migrations order by number',
  )
  for (const row of rows) {
    const file = known.find(({ number }) => number === row.number)
    if (!row.finished_at)
      throw new BootError(
        `migration ${row.name} was begun at ${row.started_at.toISOString()} and never finished: check the database, ` +
          `then "delete from migrations where number = ${row.number}" to run it again`,
      )
    if (!file) throw new BootError(`the database has migration ${row.name}, which is newer than this release`)
    if (file.hash !== row.hash) throw new BootError(`migration ${row.name} was edited after it ran: restore the file`)
  }
  return known.filter(({ number }) => !rows.some((row) => row.number === number))
}

async function apply(client: pg.PoolClient, { number, name, hash, sql }: Migration): Promise<void> {
  await client.query('insert into migrations (number, name, hash) values ($1, $2, $3)', [number, name, hash])
  try {
    await client.query('begin')
    await client.query(sql)
    await client.query('update migrations set finished_at = now() where number = $1', [number])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    await client.query('delete from migrations where number = $1', [number])
    throw new BootError(`migration ${name} failed and was rolled back: ${(error as Error).message}`, { cause: error })
  }
}
