// Two workers do the same keyed work on a real PostgreSQL while one of them is killed again and again, wherever it is: exactly once.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'

import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { postgresStore } from '../src/postgres.ts'

const KILLS = Number(process.argv[2] ?? 100)
const KEYS = KILLS * 100
await using server = await startPostgres({ durable: true })
const pool = new pg.Pool({ connectionString: server.url, max: 2 })
await pool.query('create table effects (key text not null)')
await postgresStore(pool).install()

const start = async (): Promise<ChildProcess> => {
  const child = fork(new URL('idempotency-worker.ts', import.meta.url), [server.url, String(KEYS)])
  await once(child, 'message')
  return child
}
const count = async (): Promise<number> => Number((await pool.query('select count(*) from effects')).rows[0].count)

using bar = progress('kill -9', KILLS)
const workers = [await start(), await start()]
let kills = 0
while (kills < KILLS && workers.every((worker) => worker.exitCode === null)) {
  await wait(Math.random() * 60)
  const turn = kills % 2
  const killed = workers[turn]!
  const gone = once(killed, 'exit')
  if (!killed.kill('SIGKILL')) break
  await gone
  workers[turn] = await start()
  kills++
  bar.tick()
}
bar.done()
const before = await count()
for (const worker of workers) if (worker.exitCode === null) await once(worker, 'exit')

const { rows } = await pool.query<{ lost: string; twice: string; open: string }>(
  `select count(*) filter (where n = 0) as lost, count(*) filter (where n > 1) as twice, count(*) filter (where not done) as open
   from (select k.key, k.done, count(e.key) as n from shop_idempotency k left join effects e using (key) group by k.key, k.done) as each`,
)
const { lost, twice, open } = rows[0]!
const done = await count()
const ok = done === KEYS && [lost, twice, open].every((violations) => violations === '0')
console.log(
  `kills ${kills}  keys ${KEYS}  done by then ${before}  effects ${done}  lost ${lost}  twice ${twice}  open ${open}  ${ok ? 'ok' : 'VIOLATED'}`,
)
await pool.end()
process.exitCode = ok ? 0 : 1
