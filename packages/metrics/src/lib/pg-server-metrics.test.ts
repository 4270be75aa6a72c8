import { database } from '@shop/testkit'
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

  it('refuse what cannot query', () => {
    expect(() => pgServerMetrics({} as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
  })
})
