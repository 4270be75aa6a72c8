import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'

import { defaultVault } from '@shop/crypto'
import { startPostgres, type Postgres } from '@shop/testkit/postgres'
import pg from 'pg'

import { migrate, migrations } from '../migrate.ts'
import { optimize } from '../optimizations.ts'
import { progressBar } from '../seed/progress.ts'
import { seed, type Sizes } from '../seed/seed.ts'
import { claimKept, kept, keptKey } from './kept.ts'

/** A PostgreSQL with a seeded shop in it. */
export interface DemoDatabase extends AsyncDisposable {
  readonly url: string
}

const seeding = new URL('../seed/', import.meta.url)
const settings = { shared_preload_libraries: 'pg_stat_statements', max_connections: 100 }

/** Starts the kept server, or a new one where there is none or it is broken, and seeds it unless it is seeded already. */
export async function startDatabase(sizes: Sizes): Promise<DemoDatabase> {
  // seeding seals phones and addresses in this process, the apps open them in theirs
  process.env['MASTER_ENCRYPTION_KEY'] ??= keptKey('master-key', () => randomBytes(32).toString('hex'))
  const server = await start()
  try {
    return { url: await seeded(server.url, sizes), [Symbol.asyncDispose]: () => server.stop() }
  } catch (error) {
    await server.stop()
    throw error
  }
}

async function start(): Promise<Postgres> {
  if (!claimKept()) {
    console.error('another demo is running on the kept data: this one makes its own')
    return startPostgres({ settings })
  }
  const dir = path.join(kept, 'postgres')
  const open = () => {
    mkdirSync(dir, { recursive: true })
    return startPostgres({ dir, settings })
  }
  return open().catch((error: unknown) => {
    console.error(`the kept data in ${path.relative('.', dir)} is of no use and made anew: ${firstLine(error)}`)
    rmSync(dir, { recursive: true, force: true })
    return open()
  })
}

/** What is in the database is written on it as a comment, last of all: without one, seeding was cut off. */
async function seeded(server: string, sizes: Sizes): Promise<string> {
  const url = server.replace(/\/postgres$/, '/shop')
  const content = describe(sizes)
  const admin = new pg.Client(server)
  await admin.connect()
  try {
    const { rows } = await admin.query(
      `select shobj_description(oid, 'pg_database') as content from pg_database where datname = 'shop'`,
    )
    if (rows[0]?.content === content && (await stillFits(url))) return url
    await admin.query('drop database if exists shop with (force)')
    await admin.query('create database shop')
    const began = performance.now()
    const pool = new pg.Pool({ connectionString: url, max: 1 })
    try {
      await migrate(pool)
      await seed(pool, sizes, progressBar(5))
    } finally {
      await pool.end()
    }
    await optimize(url)
    await admin.query(`comment on database shop is '${content}'`)
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(`${sizes.products} products and ${sizes.orders} orders seeded in ${seconds} s`)
    return url
  } finally {
    await admin.end()
  }
}

/** Brings the kept database's indexes, roll-ups and functions up to date; false when they are of another release. */
async function stillFits(url: string): Promise<boolean> {
  try {
    await optimize(url)
    return true
  } catch (error) {
    console.error(`the kept database is made anew: ${firstLine(error)}`)
    return false
  }
}

/** What decides the data: the sizes, the day it ends with, the key it is sealed under, and the code that makes it. */
function describe({ products, orders }: Sizes): string {
  const code = createHash('sha256')
  for (const { hash } of migrations()) code.update(hash)
  for (const file of readdirSync(seeding)) code.update(readFileSync(new URL(file, seeding)))
  const today = new Date().toISOString().slice(0, 10)
  return `${products} products, ${orders} orders, to ${today}, key ${defaultVault().keyset.primary.id}, made by ${code.digest('hex').slice(0, 12)}`
}

const firstLine = (error: unknown) => (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]
