import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

import { type Database, database } from '@shop/testkit'

import { defineAction } from './action.ts'
import { type Audit, createAudit } from './audit.ts'
import { adminActed, loggedIn, loggedOut, orderPlaced } from './catalogue.ts'
import { withAuditContext } from './context.ts'
import type { AuditEvent, RecordedEvent } from './event.ts'
import { migrate } from './migrate.ts'

let db: Database
let pool: pg.Pool
const spools: string[] = []

beforeAll(async () => {
  db = await database()
  await migrate(db.client)
  pool = new pg.Pool({ connectionString: db.url, max: 4 })
  pool.on('error', () => {})
})

afterAll(async () => {
  await pool.end()
  await db.close()
  for (const spool of spools) rmSync(spool, { recursive: true, force: true })
})

function spoolDirectory(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'shop-audit-'))
  spools.push(directory)
  return directory
}

const alice = { type: 'user', id: 'u-1' } as const

async function stored(id: string): Promise<RecordedEvent | undefined> {
  const { rows } = await db.client.query<{ body: string }>('select body from audit.events where id = $1', [id])
  return rows[0] && (JSON.parse(rows[0].body) as RecordedEvent)
}

describe('the three durabilities', () => {
  it('critical: is in the database when it settles', async () => {
    await using audit = createAudit({ pool })
    const id = await audit.record(loggedIn(alice, { method: 'password' }))
    expect(await stored(id)).toMatchObject({
      action: 'auth.login',
      actor: alice,
      outcome: 'success',
      data: { method: 'password' },
      link: { seq: 1, prev: '' },
    })
  })

  it('critical: callers at once share few statements, and their events are linked in order', async () => {
    await using audit = createAudit({ pool })
    const ids = await Promise.all(
      Array.from({ length: 300 }, () => audit.record(loggedIn(alice, { method: 'password' }))),
    )
    const { rows } = await db.client.query<{ n: string; writes: string; last: string }>(
      'select count(*) n, count(distinct xid) writes, max(seq) last from audit.events where id = any($1)',
      [ids],
    )
    expect(rows[0]).toMatchObject({ n: '300', last: '300' })
    expect(Number(rows[0]!.writes)).toBeLessThanOrEqual(3)
  })

  it('buffered: is on the disk when it settles, in the database after a drain, and leaves no file', async () => {
    const directory = spoolDirectory()
    const audit = createAudit({ pool, spool: { directory } })
    const ids = await Promise.all(Array.from({ length: 2500 }, () => audit.record(loggedOut(alice))))
    await audit.drain()
    const { rows } = await db.client.query('select from audit.events where id = any($1)', [ids])
    expect(rows).toHaveLength(2500)
    await audit.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('tx: commits with the caller or not at all', async () => {
    await using audit = createAudit({ pool })
    const event = orderPlaced('o-1', { amountMinor: 1999, currency: 'EUR', items: 2 }, { actor: alice })
    await expect(audit.record(event)).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_NEEDS_TRANSACTION' })
    const client = await pool.connect()
    await client.query('begin')
    const lost = await audit.within(client, event)
    await client.query('rollback')
    await client.query('begin')
    const kept = await audit.within(client, event)
    await client.query('commit')
    client.release()
    expect(await stored(lost)).toBeUndefined()
    expect(await stored(kept)).toMatchObject({ targets: [{ type: 'order', id: 'o-1' }] })
  })

  it('takes the same id twice as one event, in every lane', async () => {
    await using audit = createAudit({ pool, spool: { directory: spoolDirectory() } })
    const once = await audit.record(loggedIn(alice, { method: 'passkey' }))
    const again = { ...loggedIn(alice, { method: 'passkey' }), id: once }
    expect(await audit.record(again)).toBe(once)
    await audit.within(db.client, again)
    await audit.record({ ...loggedOut(alice), id: once })
    await audit.drain()
    const { rows } = await db.client.query('select from audit.events where id = $1', [once])
    expect(rows).toHaveLength(1)
  })
})

describe('what is refused', () => {
  let audit: Audit

  beforeAll(() => {
    audit = createAudit({ pool })
  })
  afterAll(() => audit.close())

  const record = (event: unknown): Promise<string> => (audit.record as (e: unknown) => Promise<string>)(event)

  it.each<[string, Partial<AuditEvent> & { action: string }, string, string]>([
    ['an unknown action', { action: 'no.such' }, 'ERR_SHOP_AUDIT_ACTION_UNKNOWN', 'no.such'],
    [
      'data without a required field',
      { action: 'auth.login', actor: alice, data: {} },
      'ERR_SHOP_AUDIT_ACTION_INVALID',
      '/data/method',
    ],
    [
      'data with an unknown field',
      { action: 'auth.login', actor: alice, data: { method: 'a', x: 1 } },
      'ERR_SHOP_AUDIT_ACTION_INVALID',
      '/data/x',
    ],
    ['no actor', { action: 'auth.login', data: { method: 'a' } }, 'ERR_SHOP_AUDIT_ACTOR_MISSING', 'auth.login'],
    [
      'an e-mail address as actor',
      { action: 'auth.login', actor: { type: 'user', id: 'a@b.c' }, data: { method: 'a' } },
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '/actor/id',
    ],
    [
      'an unknown field',
      { action: 'auth.login', actor: alice, data: { method: 'a' }, extra: 1 } as never,
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '/extra',
    ],
    [
      'an unknown outcome',
      { action: 'auth.login', actor: alice, data: { method: 'a' }, outcome: 'maybe' as never },
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '/outcome',
    ],
    [
      'a missing target',
      { action: 'auth.role_changed', actor: alice, data: { from: [], to: [] } },
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '/targets',
    ],
    [
      'an id without a time',
      { action: 'auth.login', actor: alice, data: { method: 'a' }, id: 'b3ba0c2e-7d4e-4c6a-9f61-1c7d2f7a9c11' },
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '/time',
    ],
    [
      'personal values without keys',
      { action: 'auth.login', actor: alice, data: { method: 'a' }, pii: { subject: 's', values: { email: 'a@b.c' } } },
      'ERR_SHOP_AUDIT_SUBJECT_KEYS',
      'subjectKeys',
    ],
    [
      'more than the bound',
      { action: 'auth.login', actor: alice, data: { method: 'm'.repeat(70_000) } },
      'ERR_SHOP_AUDIT_EVENT_INVALID',
      '65536 bytes',
    ],
  ])('%s, with its path', async (_, event, code, names) => {
    await expect(record(event)).rejects.toMatchObject({ code, message: expect.stringContaining(names) })
  })

  it('a personal change without a named subject', async () => {
    const subjectKeys = {
      seal: () => undefined,
      open: async () => undefined,
      forget: async () => true,
      isForgotten: async () => true,
    }
    await using own = createAudit({ pool, subjectKeys })
    await expect(
      own.record({ ...loggedIn(alice, { method: 'a' }), changes: [{ field: 'email', to: 'a@b.c', personal: true }] }),
    ).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_SUBJECT_MISSING' })
  })

  it('a buffered event without a spool', async () => {
    await expect(audit.record(loggedOut(alice))).rejects.toMatchObject({ code: 'ERR_SHOP_AUDIT_OPTION' })
  })

  it('anything after close', async () => {
    const closed = createAudit({ pool })
    await closed.close()
    await expect(closed.record(loggedIn(alice, { method: 'a' }))).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_CLOSED',
    })
  })

  it('a value that is not JSON, even when the schema lets it through', async () => {
    const loose = defineAction({ name: 'a.loose', version: 1, data: z.object({ at: z.any() }), durability: 'critical' })
    await using own = createAudit({ pool, actions: [loose] })
    await expect(own.record({ action: 'a.loose', actor: alice, data: { at: new Date() } })).rejects.toMatchObject({
      code: 'ERR_SHOP_AUDIT_NOT_JSON',
      message: expect.stringContaining('/data/at'),
    })
  })
})

describe('actions of one’s own', () => {
  const shipped = defineAction({
    name: 'order.shipped',
    version: 3,
    data: z.object({ carrier: z.enum(['dhl', 'ups']), parcels: z.int().min(1) }),
    durability: 'critical',
  })

  it('keeps the version of the schema it was checked with, and never repeats a refused value', async () => {
    await using audit = createAudit({ pool, actions: [shipped] })
    const id = await audit.record({ action: 'order.shipped', actor: alice, data: { carrier: 'dhl', parcels: 1 } })
    expect(await stored(id)).toMatchObject({ version: 3, data: { carrier: 'dhl', parcels: 1 } })
    const wrong = { action: 'order.shipped', actor: alice, data: { carrier: 'my-secret', parcels: 1 } } as never
    const error = await audit.record(wrong).catch((e: Error) => e)
    expect(error).toMatchObject({ code: 'ERR_SHOP_AUDIT_ACTION_INVALID' })
    expect(String(error)).toContain('/data/carrier')
    expect(String(error)).not.toContain('my-secret')
  })
})

describe('what is cleaned', () => {
  it('takes actor and request from the context, however deep the call', async () => {
    await using audit = createAudit({ pool })
    const id = await withAuditContext({ actor: alice, requestId: 'r-9', traceId: 't-9' }, async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return audit.record(adminActed({ operation: 'reindex' }, []))
    })
    expect(await stored(id)).toMatchObject({ actor: alice, context: { requestId: 'r-9', traceId: 't-9' } })
  })

  it('replaces what looks secret before it is stored, and counts it', async () => {
    const loose = defineAction({
      name: 'a.loose',
      version: 1,
      data: z.record(z.string(), z.any()),
      durability: 'critical',
    })
    await using audit = createAudit({ pool, actions: [loose] })
    const id = await audit.record({
      action: 'a.loose',
      actor: alice,
      data: { password: 'hunter2', nested: { apiKey: 'k' }, note: 'card 4242 4242 4242 4242 please', tokenCount: 7 },
      changes: [{ field: 'resetToken', from: 'a', to: 'b' }],
    })
    const event = await stored(id)
    expect(event?.data).toEqual({
      password: '[redacted]',
      nested: { apiKey: '[redacted]' },
      note: '[redacted]',
      tokenCount: 7,
    })
    expect(event?.changes).toEqual([{ field: 'resetToken', from: '[redacted]', to: '[redacted]' }])
    expect(audit.stats().redacted).toBe(5)
  })
})
