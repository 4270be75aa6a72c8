import { database } from '@shop/testkit'
import pg from 'pg'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { pgMetrics } from './db-metrics.ts'
import { expositionText } from './exposition.ts'
import { operationLabel } from './sql-labels.ts'

describe('pg metrics', () => {
  it('measure each statement of a pool, in all its forms, and its connections', async () => {
    await using own = await database()
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: own.url, max: 3 })
    using _ = pgMetrics(pool, { register, poolName: 'main', namespace: 'shop' })
    await pool.query('select 1')
    await pool.query({ text: 'select $1::int', values: [2] })
    await new Promise<void>((resolve, reject) =>
      pool.query('select 3', (error: Error | undefined) => (error ? reject(error) : resolve())),
    )
    await expect(pool.query('select * from nothing_here')).rejects.toThrow(/nothing_here/)
    const client = await pool.connect()
    await client.query('begin')
    client.query(new pg.Query('select 4') as never)
    await client.query('commit')
    const during = await expositionText(register)
    client.release()
    const text = await expositionText(register)
    await pool.end()
    const count = (operation: string, rest = ''): string =>
      `db_client_operation_duration_seconds_count{db_system_name="postgresql",db_namespace="shop",db_operation_name="${operation}"${rest}}`
    expect(text).toMatch(new RegExp(`${count('SELECT')} [34]\n`))
    expect(text).toContain(`${count('SELECT', ',error_type="42P01"')} 1\n`)
    expect(text).toContain(`${count('BEGIN')} 1\n`)
    expect(text).toContain('db_client_connection_wait_time_seconds_count{db_client_connection_pool_name="main"} 5\n')
    expect(during).toContain(
      'db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="used"} 1\n',
    )
    expect(text).toContain(
      'db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="used"} 0\n',
    )
    expect(text).toContain('db_client_connection_max{db_client_connection_pool_name="main"} 3\n')
    expect(text).not.toContain('nothing_here')
  })

  it('count connections that could not be had', async () => {
    const register = new Registry()
    const pool = new pg.Pool({ host: '127.0.0.1', port: 1, max: 1 })
    using _ = pgMetrics(pool, { register })
    await expect(pool.query('select 1')).rejects.toThrow()
    await expect(pool.connect()).rejects.toThrow()
    await pool.end()
    expect(await expositionText(register)).toContain(
      'db_client_connection_errors_total{db_client_connection_pool_name="default",error_type="ECONNREFUSED"} 2\n',
    )
  })

  it.each([
    ['select 1', 'SELECT'],
    ['  -- why\n/* what */ (Select 1)', 'SELECT'],
    ['with a as (select 1) insert into b select * from a', 'WITH'],
    ['secret_function()', '_OTHER'],
    ['', '_OTHER'],
    ['/* never closed', '_OTHER'],
  ])('name the operation of %s', (sql, operation) => {
    expect(operationLabel(sql)).toBe(operation)
  })

  it('refuse what is no pool', () => {
    expect(() => pgMetrics({} as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_METRICS_OPTION' }))
  })
})
