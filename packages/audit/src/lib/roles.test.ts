import { randomBytes } from 'node:crypto'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type Database, database } from '@shop/testkit'

import { createAudit } from './audit.ts'
import { loggedIn, orderPlaced } from './catalogue.ts'
import { migrate } from './migrate.ts'

const actor = { type: 'user', id: 'u-1' } as const
const suffix = randomBytes(6).toString('hex')
const [owner, app] = [`audit_owner_${suffix}`, `audit_app_${suffix}`]

let db: Database
let pool: pg.Pool

const as = (role: string): string => {
  const url = new URL(db.url)
  url.username = role
  url.password = 'pw'
  return url.href
}

beforeAll(async () => {
  db = await database()
  for (const role of [owner, app]) await db.client.query(`create role ${role} login password 'pw'`)
  await db.client.query(`grant create on database ${db.name} to ${owner}`)
  const client = new pg.Client(as(owner))
  await client.connect()
  await migrate(client)
  await client.query(`grant usage on schema audit to ${app}; grant insert, select on audit.events to ${app};
    grant select on audit.lineage to ${app}; grant update (sealed) on audit.events to ${app};
    grant execute on function audit.adopt() to ${app}`)
  await client.end()
  pool = new pg.Pool({ connectionString: as(app) })
  pool.on('error', () => {})
})

afterAll(async () => {
  await pool.end()
  const admin = new pg.Client(db.url.replace(`/${db.name}`, '/postgres'))
  await admin.connect()
  await db.close()
  for (const role of [app, owner]) await admin.query(`drop role ${role}`)
  await admin.end()
})

describe('least privilege, as the README says', () => {
  it('an owner without superuser rights migrates, an application with the named grants records', async () => {
    await using audit = createAudit({ pool })
    await Promise.all(Array.from({ length: 3 }, () => audit.record(loggedIn(actor, { method: 'password' }))))
    await pool.query('begin')
    await audit.within(db.client, orderPlaced('o-1', { amountMinor: 1, currency: 'EUR', items: 1 }, { actor }))
    expect((await pool.query('select from audit.events')).rowCount).toBe(4)
  })

  it.each([
    `update audit.events set body = '{}'`,
    'delete from audit.events',
    `insert into audit.checkpoints (size, note) values (1, 'x')`,
    'delete from audit.tiles',
    `update audit.lineage set base = 0`,
    'drop table audit.events',
  ])('the application may not %s', async (sql) => {
    await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' })
  })
})
