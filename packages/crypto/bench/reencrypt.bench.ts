// Re-encryption of a column against a loop of one UPDATE per row, on a PostgreSQL with durable commits and on a careless one.
import { randomBytes } from 'node:crypto'
import { benchTable } from '@shop/testkit/bench'
import type { Row } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'
import { createVault } from '../src/index.ts'
import { addKey, createKeyset, promoteKey } from '../src/keyset.ts'
import { reencrypt } from '../src/postgres.ts'

const total = 100_000
const loop = 2_000
const before = await addKey(await createKeyset())
const old = createVault({ keyset: before })
const fresh = createVault({ keyset: promoteKey(before, before.keys[1]!.id) })
const place = (id: number) => ({ table: 'people', column: 'phone', row: id })
const rows: Row[] = []

for (const durable of [true, false]) {
  await using server = await startPostgres({ durable })
  const pool = new pg.Pool({ connectionString: server.url, max: 3 })
  pool.on('error', () => {}) // the server stops before the last connection has gone
  const fill = async (): Promise<void> => {
    await pool.query(
      'drop table if exists people; create table people (id int primary key, phone text not null, filler text)',
    )
    for (let at = 0; at < total; at += 10_000) {
      const ids = Array.from({ length: 10_000 }, (_, i) => at + i + 1)
      await pool.query('insert into people select *, $3 from unnest($1::int[], $2::text[])', [
        ids,
        ids.map((id) => old.encrypt(`+49151${id}`, place(id))),
        randomBytes(100).toString('hex'),
      ])
    }
    await pool.query('vacuum analyze people')
  }
  await fill()
  let started = performance.now()
  for (let id = 1; id <= loop; id++) {
    const found = await pool.query<{ phone: string }>('select phone from people where id = $1', [id])
    await pool.query('update people set phone = $2 where id = $1', [
      id,
      fresh.rebind(found.rows[0]!.phone, place(id), place(id)),
    ])
  }
  const loopRate = loop / ((performance.now() - started) / 1000)
  started = performance.now()
  for (let id = loop + 1; id <= 2 * loop; id++)
    await pool.query('update people set phone = $2 where id = $1', [id, old.encrypt(`+49151${id}`, place(id))])
  const updateRate = loop / ((performance.now() - started) / 1000)
  await fill()
  const report = await reencrypt({ client: pool, vault: fresh, table: 'people', column: 'phone', key: 'id' })
  if (report.done !== total || report.left !== 0) throw new Error(`rewrote ${report.done} of ${total}`)
  const rate = total / report.seconds
  const label = durable ? 'durable' : 'fsync off'
  rows.push({
    name: `reencrypt vs select+update per row, ${label}`,
    ours: rate,
    peer: loopRate,
    goal: '>= 20',
    unit: ' rows/s',
  })
  rows.push({
    name: `reencrypt vs update alone per row, ${label}`,
    ours: rate,
    peer: updateRate,
    ...(durable && { goal: '>= 20' as const }),
    unit: ' rows/s',
  })
  await pool.end()
}
benchTable(rows)
