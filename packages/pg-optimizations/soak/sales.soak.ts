// 0 wrong cells after many concurrent transactions, folds running, items truncated and the server killed with -9 in between; no oversell,
// neither of what is reserved nor of a flash sale that opens and closes.
//   node soak/sales.soak.ts [transactions]     default 1,000,000
import { progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { PLAIN } from '../fixtures/shops.ts'
import { clients, random, type Tally, trade, wrongCells } from '../fixtures/workload.ts'
import { apply } from '../src/index.ts'

const total = Number(process.argv[2] ?? 1_000_000)
const rounds = 10
const each = 8
const server = await startPostgres({ durable: true, settings: { synchronous_commit: 'off', max_connections: 50 } })
const open = async (): Promise<pg.Client> => {
  const client = new pg.Client(server.url)
  client.on('error', () => {})
  await client.connect()
  return client
}
const first = await open()
await PLAIN.load(first, { products: 2000, orders: 20_000 })
await apply({ connect: server.url, mapping: PLAIN.mapping })
await first.query('update products set stock = 300')
await first.end()

const tally: Tally = { committed: 0, rolledBack: 0, retried: 0, folded: 0 }
const bar = progress('transactions', total)
let wrong = 0
let reservations = 0
let killed = 0
let taken = 0
for (let round = 0; round < rounds; round++) {
  const left = Array.from({ length: each }, () => Math.ceil(total / rounds / each))
  const work = async (client: pg.Client, n: number): Promise<void> => {
    const next = random((round * 100 + n) * 1000 + killed)
    while (left[n]! > 0) {
      const now = Math.min(100, left[n]!)
      await trade(client, 'shop', now, next, tally, 2000)
      // and somebody buys, in the same breath
      for (let i = 0; i < now; i++) {
        reservations++
        const product = 1 + Math.floor(next() ** 4 * 50)
        const { rows } = await client.query<{ id: string | null }>('select shop.reserve_stock($1, 1) as id', [product])
        if (rows[0]!.id !== null && next() < 0.9) await client.query('select shop.commit_stock($1)', [rows[0]!.id])
        if (next() < 0.9) continue
        const { rows: flash } = await client.query<{ id: string | null }>(
          `select shop.take_flash_sale(60, $1::interval) as id`,
          [next() < 0.1 ? '-1 second' : '1 hour'],
        )
        if (flash[0]!.id === null) await client.query('select shop.release_expired_stock()')
        else await client.query(`select shop.${next() < 0.3 ? 'release' : 'commit'}_stock($1)`, [flash[0]!.id])
        taken++
      }
      left[n]! -= now
      bar.tick(now)
    }
  }
  const clerk = await open()
  await clerk.query('update products set stock = stock + 500 where id = 60; select shop.open_flash_sale(60, 400, 16)')
  await clerk.end()
  if (round % 3 === 1) {
    const doomed = await clients(server.url, each)
    // in the middle of it all
    setTimeout(() => void server.kill9(), 1500)
    await Promise.allSettled(doomed.all.map(work))
    await doomed[Symbol.asyncDispose]()
    await server.restart()
    killed++
  }
  await using pool = await clients(server.url, each)
  const check = await open()
  const truncated = new Promise((resolve) => setTimeout(resolve, 500)).then(() => check.query('truncate order_items'))
  await Promise.all(pool.all.map(work))
  await truncated
  await check.query('select shop.close_flash_sale(60)')
  await check.query('update products set stock = stock + 300 where id <= 50')
  const cells = await wrongCells(check, 'shop')
  const { rows: stock } = await check.query<{ bad: string }>(
    `select count(*) as bad from shop.stock_level s join products p on p.id = s.product
     where s.on_hand <> p.stock or p.stock < 0 or s.reserved <> coalesce((select sum(quantity) from shop.reservation r where r.product = s.product), 0)
       + coalesce((select sum(free) from shop.stock_slot t where t.product = s.product), 0)`,
  )
  wrong += cells.length + Number(stock[0]!.bad)
  if (cells.length > 0) console.log(cells.slice(0, 5))
  await check.end()
}
bar.done()
console.log(
  `${tally.committed} committed, ${tally.rolledBack} rolled back, ${tally.retried} retried, ${tally.folded} folded, ${reservations} reservations, ${taken} taken in flash sales, ${killed} kills: ${wrong} wrong cells`,
)
await server.stop()
process.exitCode = wrong === 0 ? 0 : 1
