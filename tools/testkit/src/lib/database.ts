import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import pg from 'pg'
import { inject } from 'vitest'

import { startPostgres } from '../postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    postgresDesk: string
  }
}

/** A database of a test file's own in the run's one PostgreSQL 18. */
export interface Database extends AsyncDisposable {
  readonly name: string
  readonly url: string
  /** Connected, and closed with the database. */
  readonly client: pg.Client
  /** Drops it, whoever is still connected. */
  close(): Promise<void>
}

/**
 * Not for tests that kill or reconfigure the server: those take `server()`. `alone`, on a server that no other test uses:
 * for what waits until every transaction of a server has ended, as sealing does.
 */
export async function database({ alone = false }: { readonly alone?: boolean } = {}): Promise<Database> {
  const own = alone ? await startPostgres() : undefined
  const url = new URL(own?.url ?? (await sharedUrl()))
  const admin = new pg.Client(url.href)
  await admin.connect()
  const name = `t_${randomBytes(6).toString('hex')}`
  await admin.query(`create database ${name}`)
  url.pathname = name
  const client = new pg.Client(url.href)
  await client.connect()
  client.on('error', () => {}) // dropped with (force) while idle
  const guests = async (): Promise<number> => {
    const text = `select count(*)::int as n from pg_stat_activity where datname = $1`
    return (await admin.query<{ n: number }>(text, [name])).rows[0]!.n
  }
  const close = async (): Promise<void> => {
    await client.end()
    // a pool's end() is over before its clients are gone; dropped then, they throw where nobody listens any more
    for (let wait = 0; wait < 50 && (await guests()) > 0; wait++) await sleep(20)
    await admin.query(`drop database if exists ${name} with (force)`)
    await admin.end()
    await own?.stop()
  }
  return { name, url: url.href, client, close, [Symbol.asyncDispose]: close }
}

async function sharedUrl(): Promise<string> {
  if (process.env.SHOP_TEST_PG_URL) return process.env.SHOP_TEST_PG_URL
  const response = await fetch(inject('postgresDesk'))
  const text = await response.text()
  if (!response.ok) throw new Error(`the run's PostgreSQL did not start: ${text}`)
  return text
}
