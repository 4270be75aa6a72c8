import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { server } from '@shop/testkit'

import { createAudit } from './audit.ts'
import { migrate } from './migrate.ts'
import { checkPgaudit } from './pgaudit-check.ts'
import { pgauditConfig } from './pgaudit-config.ts'
import { maskLiterals, parsePgaudit, type PgauditEntry, pgauditEvent } from './pgaudit-parse.ts'

async function all(log: string, format?: 'stderr' | 'csv' | 'json'): Promise<PgauditEntry[]> {
  return collect(parsePgaudit([log], format))
}

async function collect(entries: AsyncIterable<PgauditEntry>): Promise<PgauditEntry[]> {
  const found: PgauditEntry[] = []
  for await (const entry of entries) found.push(entry)
  return found
}

describe('pgAudit 1.7 on PostgreSQL 15', () => {
  let db: Awaited<ReturnType<typeof server>>
  let client: pg.Client

  const config = pgauditConfig({
    classes: ['write', 'ddl', 'role'],
    objects: { role: 'auditor', tables: { 'public.accounts': ['select'] } },
  })

  beforeAll(async () => {
    const settings = Object.fromEntries(
      config.conf
        .trim()
        .split('\n')
        .map((line) => line.split(/ = '|'$/).slice(0, 2) as [string, string]),
    )
    db = await server({ version: 15, settings: { ...settings, log_timezone: 'UTC' } })
    client = new pg.Client(db.url)
    await client.connect()
    await client.query('create table accounts (id integer primary key, owner text)')
    await client.query('create table other (id integer)')
    await client.query(config.sql)
  })

  afterAll(async () => {
    await client?.end()
    await db?.stop()
  })

  const entries = async (): Promise<PgauditEntry[]> => {
    await new Promise((resolve) => setTimeout(resolve, 150))
    return all(db.log())
  }

  it('logs what the generated configuration says, and the parser reads it', async () => {
    await client.query('insert into accounts values ($1, $2)', [1, 'Eve'])
    await client.query(`select owner,\n  'a "quoted", text'\nfrom accounts where id = 1`)
    await client.query('select * from other')
    await client.query('create role someone nologin')
    const found = await entries()
    expect(found.find((one) => one.command === 'INSERT' && one.object === 'public.accounts')).toMatchObject({
      kind: 'SESSION',
      class: 'WRITE',
      objectType: 'TABLE',
      parameters: '<not logged>',
      role: 'shop',
      database: 'postgres',
      session: expect.stringMatching(/^[0-9a-f]+\.[0-9a-f]+$/),
      time: expect.any(Date),
    })
    expect(found.find((one) => one.command === 'SELECT')).toMatchObject({
      kind: 'OBJECT',
      class: 'READ',
      object: 'public.accounts',
      statement: `select owner,\n  'a "quoted", text'\nfrom accounts where id = 1`,
    })
    expect(found.some((one) => one.object === 'public.other' && one.class === 'READ')).toBe(false)
    expect(found.find((one) => one.class === 'ROLE')).toMatchObject({ command: 'CREATE ROLE' })
  })

  it('puts them in the same trail, without literals, and once however often the log is read', async () => {
    const pool = new pg.Pool({ connectionString: db.url })
    pool.on('error', () => {})
    await migrate(client)
    const audit = createAudit({ pool, durability: { 'db.statement': 'critical' } })
    const reads = (await entries()).filter((one) => one.kind === 'OBJECT')
    for (const entry of [...reads, ...reads]) await audit.record(pgauditEvent(entry))
    const { rows } = await client.query<{ body: string; actor: string }>(
      `select body, actor from audit.events where action = 'db.statement'`,
    )
    expect(rows).toHaveLength(reads.length)
    expect(rows[0]!.actor).toBe('service:db-role-shop')
    expect(JSON.parse(rows[0]!.body)).toMatchObject({
      data: { class: 'READ', statement: 'select owner,\n  ?\nfrom accounts where id = ?' },
      targets: [{ type: 'table', id: 'public.accounts' }],
    })
    await audit.close()
    await pool.end()
  })

  it('the check says what is really logged, and finds who switched it off', async () => {
    const readLog = async (): Promise<string> => db.log()
    const said = await checkPgaudit(client, { readLog })
    expect(said.filter((one) => one.level === 'error')).toEqual([])
    expect(said.map((one) => one.what)).toEqual(
      expect.arrayContaining([
        'the library is loaded',
        'object mode logs select on public.accounts',
        'WRITE is logged in this session',
        'READ is not logged in this session',
        'DDL is logged in this session',
        'ROLE is logged in this session',
      ]),
    )
    await client.query(`alter role someone set pgaudit.log = 'none'`)
    expect(await checkPgaudit(client)).toContainEqual({
      level: 'error',
      what: 'pgaudit.log=none for someone in every database',
    })
    await client.query('alter role someone reset all')
    expect((await client.query(`select from pg_roles where rolname like 'shop_audit_probe%'`)).rowCount).toBe(0)
  })
})

describe('the parser', () => {
  const line = 'SESSION,3,1,READ,SELECT,TABLE,public.t,"select ""x"" from t\nwhere a = \'b\'","1,2",5'

  it('reads the csv and json forms of the log', async () => {
    const csv = `2026-11-24 07:00:00.123 UTC,"eve","shop",77,"10.0.0.1:5",6564.4d,3,"SELECT",2026-11-24 06:59:00 UTC,3/4,0,LOG,00000,"AUDIT: ${line.replaceAll('"', '""')}",,,,,,,,,"app","client backend",,0\n`
    const json = `${JSON.stringify({ timestamp: '2026-11-24 07:00:00.123 UTC', user: 'eve', dbname: 'shop', session_id: '6564.4d', message: `AUDIT: ${line}` })}\n`
    for (const [log, format] of [
      [csv, 'csv'],
      [json, 'json'],
    ] as const)
      expect(await all(`noise\n${log}`.slice(format === 'csv' ? 6 : 0), format), format).toEqual([
        {
          kind: 'SESSION',
          statementId: 3,
          substatementId: 1,
          class: 'READ',
          command: 'SELECT',
          objectType: 'TABLE',
          object: 'public.t',
          statement: `select "x" from t\nwhere a = 'b'`,
          parameters: '1,2',
          rows: 5,
          time: new Date('2026-11-24T07:00:00.123Z'),
          role: 'eve',
          database: 'shop',
          session: '6564.4d',
        },
      ])
  })

  it('never throws, and reads any statement back, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.nat(40), async (statement, cut) => {
        const text = statement.replace(/[\r\n\0]/g, ' ')
        const record = `AUDIT: SESSION,1,1,READ,SELECT,,,"${text.replaceAll('"', '""')}",<none>\n`
        const parsed = await collect(parsePgaudit([record.slice(0, cut), record.slice(cut)]))
        expect(parsed.map((one) => one.statement)).toEqual([text])
        await all(text)
        await all(text, 'csv')
        await all(text, 'json')
      }),
    )
  })

  it.each([
    [`select 'it''s', E'a\\'b', 42, 4.2e1, $1, $x$ d $x$, t1."col 9" -- note`, `select ?, ?, ?, ?, $1, ?, t1."col 9" `],
    [`insert into t values ('open`, `insert into t values (?`],
    [`/* mail a@b.c */ select n'x'`, ` select ?`],
  ])('masks the literals of %s', (sql, masked) => {
    expect(maskLiterals(sql)).toBe(masked)
  })
})

describe('the configuration', () => {
  it('can be for one role in one database', () => {
    expect(pgauditConfig({ classes: ['all'], except: ['misc'], for: { role: 'app', database: 'shop' } }).sql).toContain(
      `alter role app in database shop set pgaudit.log = 'all, -misc';`,
    )
  })

  it.each([
    ['an unknown class', { classes: ['everything'] }],
    ['a name that is no name', { objects: { role: 'a; drop table x', tables: {} } }],
    ['an unknown privilege', { objects: { role: 'a', tables: { t: ['all'] } } }],
    ['an unknown option', { colour: 1 }],
  ])('refuses %s', (_, options) => {
    expect(() => pgauditConfig(options as never)).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_OPTION' }))
  })
})
