import pg from 'pg'
import { expect, test } from 'vitest'

import { needs } from './needs.ts'
import { server } from './server.ts'

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  return client
}

test('what was committed survives kill -9, on the same port', async () => {
  await using postgres = await server({ durable: true })
  const before = await connect(postgres.url)
  await before.query('create table t (n int)')
  await before.query('insert into t values (1)')
  await postgres.kill9()
  await expect(connect(postgres.url)).rejects.toThrow('ECONNREFUSED')
  await postgres.restart()
  const after = await connect(postgres.url)
  const { rows } = await after.query(`select n, current_setting('fsync') as fsync from t`)
  await after.end()
  expect(rows).toEqual([{ n: 1, fsync: 'on' }])
})

test('version 15 carries pgAudit, whose lines are in the log', async (ctx) => {
  needs(ctx, 'pgaudit')
  await using postgres = await server({
    version: 15,
    settings: { shared_preload_libraries: 'pgaudit', 'pgaudit.log': 'write' },
  })
  const client = await connect(postgres.url)
  await client.query('create extension pgaudit')
  await client.query('create table t (n int)')
  await client.query('insert into t values (1)')
  await client.end()
  expect(postgres.log()).toMatch(/AUDIT: SESSION,\d+,1,WRITE,INSERT/)
})
