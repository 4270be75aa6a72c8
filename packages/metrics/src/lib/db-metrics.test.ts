import { once } from 'node:events'

import { database } from '@shop/testkit'
import pg from 'pg'
import QueryStream from 'pg-query-stream'
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
    expect(text).toContain(`${count('SELECT')} 4\n`)
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

  it('count each statement once, however it is sent and however it ends', async () => {
    await using own = await database()
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: own.url, max: 1 })
    using _ = pgMetrics(pool, { register })
    const client = await pool.connect()
    const called = (query: (callback: (error: Error | null) => void) => unknown) =>
      new Promise<Error | null>((resolve) => void query(resolve))
    const config = (text: string) => (callback: unknown) => client.query({ text, callback } as pg.QueryConfig)

    expect(await called(config('update pg_class set relname = relname where false'))).toBeNull()
    expect(await called(config('delete from nothing_here'))).toMatchObject({ code: '42P01' })
    const reused: pg.QueryConfig = { text: 'lock pg_class in access share mode' }
    expect(await called((callback) => client.query(Object.assign(reused, { callback })))).not.toBeNull()
    expect(await called((callback) => client.query(Object.assign(reused, { callback })))).not.toBeNull()

    await once(client.query(new pg.Query('values (1)') as never), 'end')
    const failing = new pg.Query('merge')
    const failed = once(failing, 'error')
    client.query(failing as never)
    // one that nobody listens to must stay as loud as it is
    expect(failing.listenerCount('error')).toBe(1)
    expect((await failed)[0]).toMatchObject({ code: '42601' })
    expect(
      await called((callback) => client.query(new pg.Query('show nothing_here', callback as never) as never)),
    ).toBeInstanceOf(Error)

    const rows = await client.query(new QueryStream('with a as (select 1) select * from a')).toArray()
    expect(rows).toHaveLength(1)
    await expect(client.query(new QueryStream('explain nothing_here')).toArray()).rejects.toMatchObject({
      code: '42601',
    })
    // nobody reads the rest
    for await (const _ of client.query(new QueryStream('table pg_class', [], { batchSize: 1 }))) break
    await client.query('commit')
    client.release()
    const submitted = pool.query(new pg.Query('fetch nothing_here') as never) as Promise<unknown>
    await expect(submitted).rejects.toMatchObject({ code: '34000' })
    await pool.end()
    expect(counts(await expositionText(register))).toEqual({
      UPDATE: 1,
      'DELETE 42P01': 1,
      'LOCK 25P01': 2,
      VALUES: 1,
      'MERGE 42601': 1,
      'SHOW 42704': 1,
      WITH: 1,
      'EXPLAIN 42601': 1,
      _OTHER: 1,
      COMMIT: 1,
      'FETCH 34000': 1,
    })
  })

  it('name the database the connections are to', async () => {
    await using own = await database()
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: own.url })
    using _ = pgMetrics(pool, { register })
    await pool.query('select 1')
    await pool.end()
    expect(await expositionText(register)).toContain(
      `_count{db_system_name="postgresql",db_namespace="${new URL(own.url).pathname.slice(1)}",db_operation_name="SELECT"} 1\n`,
    )
  })

  it('end when they are disposed, also on connections that are open', async () => {
    await using own = await database()
    const register = new Registry()
    const pool = new pg.Pool({ connectionString: own.url, max: 2 })
    const measuring = pgMetrics(pool, { register })
    await pool.query('select 1')
    measuring[Symbol.dispose]()
    const [one, other] = await Promise.all([pool.connect(), pool.connect()])
    await Promise.all([one.query('select 2'), other.query('select 3')])
    const text = await expositionText(register)
    expect(counts(text)).toEqual({ SELECT: 1 })
    expect(text).toContain('db_client_connection_wait_time_seconds_count{db_client_connection_pool_name="default"} 1\n')
    expect(text).not.toMatch(/^db_client_connection_(count|max|pending_requests)\{/m)
    one.release()
    other.release(true)
    using _ = pgMetrics(pool, { register })
    measuring[Symbol.dispose]()
    expect((await Promise.all([pool.connect(), pool.connect()])).map((client) => client.release())).toHaveLength(2)
    expect(await expositionText(register)).toMatch(/^db_client_connection_max\{.*\} 2$/m)
    await pool.end()
  })

  it('measure a pool once, however often they are told to', async () => {
    await using own = await database()
    const [register, another] = [new Registry(), new Registry()]
    const pool = new pg.Pool({ connectionString: own.url })
    using measuring = pgMetrics(pool, { register })
    expect(pgMetrics(pool, { register })).toBe(measuring)
    using elsewhere = pgMetrics(pool, { register: another })
    expect(elsewhere).not.toBe(measuring)
    await pool.query('select 1')
    await pool.end()
    const cleared = new Registry()
    const first = pgMetrics(pool, { register: cleared })
    cleared.clear()
    using anew = pgMetrics(pool, { register: cleared })
    expect(anew).not.toBe(first)
    for (const each of [register, another]) {
      const text = await expositionText(each)
      expect(counts(text)).toEqual({ SELECT: 1 })
      expect(text).toMatch(/^db_client_connection_wait_time_seconds_count\{.*\} 1$/m)
    }
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

/** Statements by operation and SQLSTATE. */
function counts(text: string): Record<string, number> {
  const lines = text.matchAll(
    /^db_client_operation_duration_seconds_count\{.*db_operation_name="(\w+)"(?:,error_type="(\w+)")?\} (\d+)$/gm,
  )
  return Object.fromEntries([...lines].map(([, name, error, n]) => [error ? `${name} ${error}` : name, Number(n)]))
}
