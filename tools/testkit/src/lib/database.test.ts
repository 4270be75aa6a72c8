import { setTimeout as sleep } from 'node:timers/promises'

import pg from 'pg'
import { expect, test } from 'vitest'

import { startPostgres } from '../postgres.ts'
import { database } from './database.ts'

test('two databases share a server and nothing else', async () => {
  await using one = await database()
  await using two = await database()
  await one.client.query('create table t (n int)')
  const { rows } = await two.client.query(`select to_regclass('t') as t, current_setting('server_version_num') as v`)
  expect(rows[0].t).toBeNull()
  expect(Number(rows[0].v)).toBeGreaterThanOrEqual(180000)
})

test('a closed database is gone, whoever was connected', async () => {
  const one = await database()
  const other = new pg.Client(one.url)
  other.on('error', () => {})
  await other.connect()
  await one.close()
  await using two = await database()
  const { rowCount } = await two.client.query('select from pg_database where datname = $1', [one.name])
  expect(rowCount).toBe(0)
})

test('who is leaving a database that is closed, or a server that is stopped, is waited for', async () => {
  const errors: Error[] = []
  /** Ends a pool whose backend is held up, so that it hears of that only after `work` began. */
  const leaving = async (connectionString: string, work: () => Promise<void>): Promise<void> => {
    const pool = new pg.Pool({ connectionString })
    pool.on('connect', (client) => client.on('error', (error) => errors.push(error)))
    const { rows } = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
    process.kill(rows[0]!.pid, 'SIGSTOP')
    await pool.end()
    const working = work()
    await sleep(100)
    process.kill(rows[0]!.pid, 'SIGCONT')
    await working
  }
  const one = await database()
  await leaving(one.url, one.close)
  const own = await startPostgres()
  await leaving(own.url, own.stop)
  await sleep(50)
  expect(errors).toEqual([])
})
