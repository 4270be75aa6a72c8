import { database, type Database } from '@shop/testkit'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { retryTransaction } from './transaction.ts'

let db: Database
let pool: pg.Pool
beforeAll(async () => {
  db = await database()
  pool = new pg.Pool({ connectionString: db.url, max: 12 })
  pool.on('error', () => undefined)
  await db.client.query(
    'create table stock (id int primary key, count int not null); insert into stock values (1, 0), (2, 0)',
  )
})
afterAll(async () => {
  await pool.end()
  await db.close()
})

test('serialization failures run the whole transaction again, and no increment is lost', async () => {
  let runs = 0
  await Promise.all(
    Array.from({ length: 12 }, () =>
      retryTransaction(
        pool,
        async (client) => {
          runs++
          const { rows } = await client.query('select count from stock where id = 1')
          await client.query('update stock set count = $1 where id = 1', [(rows[0] as { count: number }).count + 1])
        },
        { attempts: 60 },
      ),
    ),
  )
  const { rows } = await db.client.query('select count from stock where id = 1')
  expect(rows[0].count).toBe(12)
  expect(runs).toBeGreaterThan(12)
})

test('deadlocks too', async () => {
  await db.client.query(`alter database ${db.name} set deadlock_timeout = '20ms'`).catch(() => undefined)
  const swap = (first: number, second: number) =>
    retryTransaction(
      pool,
      async (client) => {
        await client.query('update stock set count = count + 1 where id = $1', [first])
        await new Promise((resolve) => setTimeout(resolve, 20))
        await client.query('update stock set count = count + 1 where id = $1', [second])
      },
      { isolation: 'read committed', attempts: 30 },
    )
  await Promise.all([swap(1, 2), swap(2, 1), swap(1, 2), swap(2, 1)])
  const { rows } = await db.client.query('select count from stock where id = 2')
  expect(rows[0].count).toBe(4)
})

test('the statement’s own fault is not run again', async () => {
  let runs = 0
  await expect(
    retryTransaction(pool, (client) => {
      runs++
      return client.query('insert into stock values (1, 0)')
    }),
  ).rejects.toMatchObject({ code: '23505' })
  expect(runs).toBe(1)
})

test('a connection lost before COMMIT is run again', async () => {
  let runs = 0
  await retryTransaction(pool, async (client) => {
    const { rows } = await client.query('select pg_backend_pid() as pid')
    await client.query('update stock set count = 100 where id = 1')
    if (++runs === 1) {
      await db.client.query('select pg_terminate_backend($1)', [(rows[0] as { pid: number }).pid])
      await client.query('select 1')
    }
  })
  expect(runs).toBe(2)
  const { rows } = await db.client.query('select count from stock where id = 1')
  expect(rows[0].count).toBe(100)
})

test('a connection lost during COMMIT is unknown, and never run again', async () => {
  let runs = 0
  await db.client
    .query(`create function stall() returns trigger language plpgsql as $$ begin perform pg_sleep(5); return null; end $$;
    create constraint trigger slow_commit after update on stock deferrable initially deferred for each row execute function stall()`)
  // heard from the beginning: it may end before its connection is seen to have gone
  const ended = retryTransaction(pool, async (client) => {
    runs++
    await client.query(`set application_name = 'committing'`)
    await client.query('update stock set count = 200 where id = 2')
  }).then(
    () => 'committed',
    (error: unknown) => error,
  )
  for (;;) {
    const { rowCount } = await db.client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'committing' and query = 'commit' and state = 'active'`,
    )
    if (rowCount) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect(await ended).toMatchObject({ code: 'ERR_SHOP_RETRY_OUTCOME_UNKNOWN' })
  expect(runs).toBe(1)
  await db.client.query('drop trigger slow_commit on stock')
})

test('an abort ends the waiting', async () => {
  const controller = new AbortController()
  const running = retryTransaction(
    pool,
    async () => {
      controller.abort(new Error('left'))
      throw Object.assign(new Error('x'), { code: '40001', severity: 'ERROR' })
    },
    { signal: controller.signal, base: '1m', max: '1m' },
  )
  await expect(running).rejects.toThrow('left')
})

test('a client found dead only when it is used again is run again', async () => {
  let runs = 0
  await retryTransaction(pool, async (client) => {
    const { rows } = await client.query('select pg_backend_pid() as pid')
    if (++runs > 1) return
    const died = new Promise((resolve) => (client as pg.PoolClient).once('end', resolve))
    await db.client.query('select pg_terminate_backend($1)', [(rows[0] as { pid: number }).pid])
    await died
    await client.query('select 1')
  })
  expect(runs).toBe(2)
})
