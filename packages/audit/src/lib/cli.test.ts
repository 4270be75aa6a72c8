import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type Database, database } from '@shop/testkit'

import { fileAnchor } from './anchor.ts'
import { createAudit } from './audit.ts'
import { loggedIn, orderPlaced } from './catalogue.ts'
import { checkpointSigner } from './checkpoint.ts'
import { runCli } from './cli-run.ts'
import { checkEventProof, type EventProof } from './prove.ts'
import { createSealer } from './sealer.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const signer = checkpointSigner({ name: 'shop.test/audit', key: privateKey })
const macKey = randomBytes(32)
const directory = mkdtempSync(path.join(tmpdir(), 'shop-audit-cli-'))
const anchors = path.join(directory, 'checkpoints')

let db: Database

interface Run {
  readonly code: number
  readonly out: string[]
  readonly err: string
}

async function cli(...argv: string[]): Promise<Run> {
  const out: string[] = []
  let err = ''
  const code = await runCli(argv, {
    out: (line) => void out.push(line),
    err: (text) => void (err += text),
    terminal: argv.includes('--json') === false,
    env: {
      DATABASE_URL: db.url,
      SHOP_AUDIT_VERIFIER_KEY: signer.verifierKey,
      SHOP_AUDIT_MAC_KEY: macKey.toString('hex'),
    },
    signal: AbortSignal.timeout(argv.includes('--follow') ? 1200 : 60_000),
  })
  return { code, out, err }
}

/** The application's own module, as `--config` wants it. */
const config = path.join(directory, 'audit.config.mjs')

beforeAll(async () => {
  db = await database({ alone: true })
  await db.client.query('create table customers (id integer primary key, email text)')
  await db.client.query(`insert into customers values (42, 'eve@example.test')`)
  const index = new URL('../index.ts', import.meta.url).href
  const gdpr = new URL('../gdpr.ts', import.meta.url).href
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  writeFileSync(
    config,
    `import { checkpointSigner, createAudit, createSealer } from ${JSON.stringify(index)}
     import { createPrivacy } from ${JSON.stringify(gdpr)}
     const key = ${JSON.stringify(key)}
     const subjectKeys = { seal: () => undefined, open: async () => undefined, forget: async () => true, isForgotten: async () => true }
     export const trail = (pool) => ({ audit: createAudit({ pool }), sealer: createSealer({ pool, signer: checkpointSigner({ name: 'shop.test/audit', key }) }) })
     export const privacy = (pool) => createPrivacy({ pool, audit: createAudit({ pool }), subjectKeys, key, tables: [{
       table: 'public.customers', subjectColumn: 'id', fields: ['email'], purpose: 'to sell', retention: 'account',
       legalBasis: 'contract', erase: { action: 'delete' } }] })`,
  )
})

afterAll(async () => {
  await db.close()
  rmSync(directory, { recursive: true, force: true })
})

describe('shop-audit', () => {
  it('migrate: once, and then nothing is left to do', async () => {
    expect(await cli('migrate')).toMatchObject({ code: 0, out: expect.arrayContaining(['applied 0001-trail.sql']) })
    expect(await cli('migrate')).toMatchObject({ code: 0, out: ['nothing to do'] })
    expect(await cli('migrate', '--json')).toMatchObject({ out: ['{"applied":[]}'] })
  })

  it('migrate: many at once do it once', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => cli('migrate', '--schema', 'other', '--json')))
    expect(runs.map((run) => run.code)).toEqual([0, 0, 0, 0, 0])
    expect(runs.filter((run) => run.out[0]!.includes('0001'))).toHaveLength(1)
  })

  it('track and untrack', async () => {
    expect(await cli('track', 'customers', '--redact', 'email')).toMatchObject({ code: 0, out: ['tracking customers'] })
    const { rows } = await db.client.query('select name, redacted from audit.tracked')
    expect(rows).toEqual([{ name: 'customers', redacted: ['email'] }])
    expect(await cli('untrack', 'customers')).toMatchObject({ code: 0 })
    expect(await cli('track', 'nowhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_SHOP_AUDIT_TABLE'),
    })
  })

  describe('over a sealed trail', () => {
    let ids: string[]

    beforeAll(async () => {
      const pool = new pg.Pool({ connectionString: db.url })
      pool.on('error', () => {})
      const audit = createAudit({ pool, macKey })
      ids = [
        await audit.record(loggedIn({ type: 'user', id: 'u-1' }, { method: 'password' })),
        await audit.record(loggedIn({ type: 'user', id: 'u-2' }, { method: 'passkey' })),
      ]
      const client = await pool.connect()
      await audit.within(
        client,
        orderPlaced('o-1', { amountMinor: 5, currency: 'EUR', items: 1 }, { actor: { type: 'user', id: 'u-1' } }),
      )
      client.release()
      const sealer = createSealer({ pool, signer, macKey, anchors: [fileAnchor({ path: anchors })] })
      await sealer.seal()
      await sealer.anchor()
      await audit.close()
      await pool.end()
    })

    it('tail and search: a table for people, JSON for programs', async () => {
      const { out } = await cli('tail')
      expect(out).toHaveLength(4)
      expect(out[0]).toMatch(/^time +action +outcome +actor +target +request +id$/)
      const found = await cli('search', '--actor', 'user:u-1', '--action', 'auth.*', '--since', '2020-01-01', '--json')
      expect(found.out.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual([ids[0]])
      expect((await cli('search', '--target', 'order:o-1', '--outcome', 'success', '--json')).out).toHaveLength(1)
      expect(await cli('search', '--since', 'yesterday')).toMatchObject({ code: 2 })
    })

    it('tail --follow: shows what comes', async () => {
      const following = cli('tail', '--follow', '--json')
      await new Promise((resolve) => setTimeout(resolve, 400))
      const pool = new pg.Pool({ connectionString: db.url })
      const audit = createAudit({ pool, macKey })
      const id = await audit.record(loggedIn({ type: 'user', id: 'u-3' }, { method: 'password' }))
      await audit.close()
      await pool.end()
      const { out } = await following
      expect((JSON.parse(out.at(-1)!) as { id: string }).id).toBe(id)
    })

    it('verify: says what it checked, and exits with 1 when something does not agree', async () => {
      const good = await cli('verify', '--outside', anchors)
      expect(good).toMatchObject({ code: 0 })
      expect(good.out[0]).toMatch(/^ok: 3 events in the tree, 3 checked/)
      expect(good.out[1]).toBe('1 checkpoints in the database, 1 kept outside agree')
      await db.client.query('alter table audit.events disable trigger user')
      await db.client.query(`update audit.events set outcome = 'failure' where target = 'order:o-1'`)
      const bad = await cli('verify', '--json')
      expect(bad.code).toBe(1)
      expect(JSON.parse(bad.out[0]!)).toMatchObject({ ok: false, findings: [{ kind: 'column' }] })
      await db.client.query(`update audit.events set outcome = 'success' where target = 'order:o-1'`)
    })

    it('prove: a proof that stands without the database', async () => {
      const { out } = await cli('prove', ids[1]!)
      expect(checkEventProof(JSON.parse(out.join('')) as EventProof, signer.verifierKey)).toMatchObject({ id: ids[1] })
      expect(await cli('prove')).toMatchObject({ code: 2 })
    })

    it('export, erase: the plan first, then the signed record', async () => {
      const zip = path.join(directory, 'eve.zip')
      const who = ['--actor', 'admin:a-1', '--config', config]
      expect(await cli('export', 'customer:42', '--to', zip, ...who, '--json')).toMatchObject({ code: 0 })
      expect(readFileSync(zip).subarray(0, 2).toString()).toBe('PK')
      const plan = await cli('erase', 'customer:42', ...who)
      expect(plan.out.join('\n')).toMatch(/public\.customers +delete +1[\s\S]*Nothing was done/)
      const done = await cli('erase', 'customer:42', '--yes', '--json', ...who)
      expect(JSON.parse(done.out[0]!)).toMatchObject({ record: { subject: 'customer:42', keyDestroyed: true } })
      expect((await db.client.query('select from customers')).rowCount).toBe(0)
      expect(await cli('erase', 'customer:42', '--actor', 'x')).toMatchObject({ code: 2 })
    })

    it('retention: what is due first', async () => {
      await db.client.query(`select audit.ensure_partitions(0, '2020-01-15Z')`)
      expect((await cli('retention', '--keep', '24')).out).toEqual([
        'events_2020_01 is due',
        '1 due. Nothing was done; repeat with --yes.',
      ])
      const done = await cli(
        'retention',
        '--keep',
        '24',
        '--yes',
        '--json',
        '--directory',
        directory,
        '--actor',
        'system:cron',
        '--config',
        config,
      )
      expect(JSON.parse(done.out[0]!)).toMatchObject({ name: 'events_2020_01', count: 0 })
      expect((await cli('retention', '--keep', '24')).out).toEqual(['0 due. Nothing was done; repeat with --yes.'])
    })

    it('pgaudit: config, check and ingest', async () => {
      expect((await cli('pgaudit', 'config', '--classes', 'write,ddl')).out.join('\n')).toContain(
        `pgaudit.log = 'write, ddl'`,
      )
      expect(await cli('pgaudit', 'check')).toMatchObject({ code: 1 })
      const log = path.join(directory, 'pg.log')
      writeFileSync(
        log,
        `2026-11-24 07:00:00.000 UTC [7] eve@shop app 6564.4d LOG:  AUDIT: SESSION,1,1,WRITE,INSERT,TABLE,public.t,"insert into t values (1)",<none>\n`,
      )
      for (let i = 0; i < 2; i++) expect((await cli('pgaudit', 'ingest', log)).out).toEqual(['1 statements recorded'])
      expect((await cli('search', '--action', 'db.*', '--json')).out).toHaveLength(1)
      expect(await cli('pgaudit')).toMatchObject({ code: 2 })
    })
  })

  it.each([[['frobnicate']], [['verify', '--no-such']], [['track']]])('%j: exit code 2 with a hint', async (argv) => {
    expect(await cli(...argv)).toMatchObject({ code: 2, err: expect.stringContaining('ERR_SHOP_AUDIT_USAGE') })
  })

  it('help names every command', async () => {
    const text = (await cli('--help')).out.join('\n')
    for (const command of [
      'migrate',
      'track',
      'untrack',
      'tail',
      'search',
      'verify',
      'prove',
      'export',
      'erase',
      'retention',
      'pgaudit',
    ])
      expect(text).toContain(`  ${command}`)
  })
})
