import { randomBytes } from 'node:crypto'

import { database } from '@shop/testkit'
import { startPostgres } from '@shop/testkit/postgres'
import pg from 'pg'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { pgServerMetrics } from './pg-server-metrics.ts'

describe('pg server metrics', () => {
  it("show the server's own statistics, and that it is gone", async () => {
    await using own = await database()
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: own.url, max: 2 })
    pgServerMetrics(pool, { register, interval: 0 })
    const open = await pool.connect()
    await open.query('begin')
    await open.query('select 1')
    await expositionText(register)
    const text = await expositionText(register)
    await open.query('rollback')
    open.release()
    expect(text).toContain('\npostgresql_up 1\n')
    expect(text).toMatch(/postgresql_backends\{state="idle in transaction"\} [1-9]/)
    expect(Number(/^postgresql_longest_transaction_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(0)
    expect(text).toMatch(/^postgresql_connection_max [1-9]\d+$/m)
    expect(text).toMatch(/^postgresql_db_size_bytes [1-9]\d{6,}$/m)
    expect(text).toMatch(/^postgresql_commits_total \d+$/m)
    await pool.end()
    expect(await expositionText(register)).toContain('\npostgresql_up 0\n')
  })

  it('tell an exhausted pool from a server that is down', async () => {
    await using server = await startPostgres()
    const { hostname, port, username, password, pathname } = new URL(server.url)
    const apart = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) }
    for (const options of [{ connectionString: server.url }, apart]) {
      const register = new Registry()
      const pool = new pg.Pool({ ...options, max: 2 })
      pool.on('error', () => {})
      pgServerMetrics(pool, { register, interval: 0 })
      const taken = await Promise.all([pool.connect(), pool.connect()])
      for (let scrape = 0; scrape < 3; scrape++) {
        const text = await expositionText(register)
        expect(text).toContain('\npostgresql_up 1\n')
        expect(text).toMatch(/^postgresql_connection_max [1-9]\d+$/m)
        expect(text).not.toContain('shop_metrics_collector_errors_total{')
      }
      expect(pool).toMatchObject({ totalCount: 2, waitingCount: 0 })
      for (const client of taken) client.release()
      await pool.end()
    }
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: server.url, max: 1 })
    pool.on('error', () => {})
    pgServerMetrics(pool, { register, interval: 0 })
    const taken = await pool.connect()
    taken.on('error', () => {})
    await server.kill9()
    expect(await expositionText(register)).toContain('\npostgresql_up 0\n')
    taken.release(true)
    await pool.end()
  })

  it('take a server that has no connection left for one that answers', async () => {
    await using own = await database()
    const role = `few_${randomBytes(4).toString('hex')}`
    const admin = new pg.Pool({ connectionString: own.url, max: 1 })
    await admin.query(`create role ${role} login password 'few' connection limit 1`)
    const register = new Registry()
    const url = Object.assign(new URL(own.url), { username: role, password: 'few' })
    const pool = new pg.Pool({ connectionString: url.href, max: 1 })
    pgServerMetrics(pool, { register, interval: 0 })
    const taken = await pool.connect()
    const text = await expositionText(register)
    expect(text).toContain('\npostgresql_up 1\n')
    expect(text).not.toMatch(/^postgresql_(?!up)/m)
    taken.release()
    await pool.end()
    await admin.query(`drop role ${role}`)
    await admin.end()
  })

  it('ask no more while an answer is awaited', async () => {
    const register = new Registry()
    let asked = 0
    const query = () => new Promise<never>(() => void asked++)
    pgServerMetrics({ query }, { register, interval: 0 })
    // prom-client's own scrape waits without a bound
    for (let scrape = 0; scrape < 3; scrape++) void register.metrics()
    for (let scrape = 0; scrape < 3; scrape++) expect(await expositionText(register)).toContain('\npostgresql_up 0\n')
    expect(asked).toBe(1)
  })

  it('say nothing of a server that was never reached, but that it is down', async () => {
    const register = new Registry()
    const pool = new pg.Pool({ host: '127.0.0.1', port: 1 })
    pgServerMetrics(pool, { register })
    expect((await expositionText(register)).match(/^postgresql_.*$/gm)).toEqual(['postgresql_up 0'])
    await pool.end()
  })

  it('tell of one server in a registry, until they are disposed', async () => {
    await using own = await database()
    const register = new Registry()
    const [first, second] = [new pg.Pool({ connectionString: own.url }), new pg.Pool({ host: '127.0.0.1', port: 1 })]
    const server = pgServerMetrics(first, { register })
    expect(pgServerMetrics(first, { register })).toBe(server)
    expect(() => pgServerMetrics(second, { register })).toThrow(
      expect.objectContaining({ code: 'ERR_SHOP_METRICS_NAME_TAKEN' }),
    )
    expect(await expositionText(register)).toContain('\npostgresql_up 1\n')
    server[Symbol.dispose]()
    expect(await expositionText(register)).not.toContain('postgresql_')
    using _ = pgServerMetrics(second, { register })
    server[Symbol.dispose]()
    expect(await expositionText(register)).toContain('\npostgresql_up 0\n')
    await Promise.all([first.end(), second.end()])
  })

  it('refuse what cannot query', () => {
    expect(() => pgServerMetrics({} as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
  })
})
