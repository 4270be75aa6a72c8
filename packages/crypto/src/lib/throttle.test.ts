import { setTimeout as sleep } from 'node:timers/promises'
import { type Postgres, startPostgres, startStandby } from '@shop/testkit/postgres'
import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { addKey, createKeyset, promoteKey } from './keyset-edit.ts'
import { reencrypt } from './reencrypt.ts'
import { Throttle } from './throttle.ts'
import { createVault } from './vault.ts'

let primary: Postgres
let standby: Postgres
let here: pg.Pool
let there: pg.Pool

beforeAll(async () => {
  // a commit's WAL is written when it returns, so that the standby's place can be told
  primary = await startPostgres({ settings: { synchronous_commit: 'local' } })
  standby = await startStandby(primary, { recovery_min_apply_delay: '2s' })
  here = new pg.Pool({ connectionString: primary.url, max: 4 })
  there = new pg.Pool({ connectionString: standby.url, max: 2 })
  // the servers may be gone before the last connection is
  for (const pool of [here, there]) pool.on('connect', (client) => client.on('error', () => {}))
  await here.query('create table ticks (at timestamptz default clock_timestamp())')
  await until(
    async () => (await here.query('select from pg_stat_replication where replay_lsn is not null')).rowCount === 1,
  )
}, 60_000)
afterAll(async () => {
  await Promise.all([here.end(), there.end()])
  await standby.stop()
  await primary.stop()
})

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await sleep(20)
}
const tick = async (): Promise<unknown> => here.query('insert into ticks default values')
const caughtUp = async (): Promise<boolean> =>
  (await here.query('select from pg_stat_replication where replay_lsn >= pg_current_wal_lsn()')).rowCount === 1

/** The primary's client, which counts how often the throttle looks. */
function watched(): { readonly client: pg.Pool; looks: number } {
  const watch = {
    looks: 0,
    client: {
      query(text: string, values?: unknown[]) {
        if (text.includes('pg_stat_replication')) watch.looks++
        return here.query(text, values)
      },
    } as pg.Pool,
  }
  return watch
}

it('pauses a re-encryption while a standby is behind, and goes on when it has caught up', async () => {
  const before = await addKey(await createKeyset())
  const old = createVault({ keyset: before })
  const fresh = createVault({ keyset: promoteKey(before, before.keys[1]!.id) })
  const place = (row: number) => ({ table: 'people', column: 'phone', row })
  await here.query('create table people (id int primary key, phone text)')
  await here.query('insert into people select * from unnest($1::int[], $2::text[])', [
    Array.from({ length: 300 }, (_, i) => i),
    Array.from({ length: 300 }, (_, i) => old.encrypt(`+49151${i}`, place(i))),
  ])
  let ticking = true
  const ticks = (async () => {
    for (; ticking; await sleep(20)) await tick()
  })()
  await until(
    async () => (await here.query(`select from pg_stat_replication where replay_lag > '1.5s'`)).rowCount === 1,
  )

  const watch = watched()
  const progress: number[] = []
  const running = reencrypt({
    client: watch.client,
    vault: fresh,
    table: 'people',
    column: 'phone',
    key: 'id',
    batch: 100,
    maxLagSeconds: 1,
    onProgress: ({ done }) => progress.push(done),
  })
  await until(async () => watch.looks >= 4)
  expect(progress).toEqual([])
  ticking = false
  await ticks
  expect(await running).toMatchObject({ done: 300, failed: 0, left: 0 })

  await until(caughtUp)
  const { rows } = await there.query<{ id: number; phone: string }>('select id, phone from people order by id')
  expect(rows.map(({ id, phone }) => fresh.open(phone, place(id)))).toEqual(
    rows.map(({ id }) => ({ value: `+49151${id}`, stale: false })),
  )
}, 60_000)

it('pauses while a standby has stopped replaying', async () => {
  await until(caughtUp)
  const watch = watched()
  const throttle = new Throttle(watch.client, { maxLockWaits: 5, maxLagSeconds: 0, every: 0 })
  await throttle.pass(undefined)
  await there.query('select pg_wal_replay_pause()')
  await tick()
  await until(async () => !(await caughtUp()))
  let passed = false
  const looks = watch.looks
  const passing = throttle.pass(undefined).then(() => (passed = true))
  await until(async () => watch.looks >= looks + 3)
  expect(passed).toBe(false)
  await there.query('select pg_wal_replay_resume()')
  await passing
}, 60_000)
