import pg from 'pg'
import { expect, test } from 'vitest'

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
