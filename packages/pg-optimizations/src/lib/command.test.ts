import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { type Database, database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

import { definitions } from '../../fixtures/definitions.ts'
import { PLAIN } from '../../fixtures/shops.ts'
import { apply, plan, rollback } from './apply.ts'
import { ASSET_NAMES } from './asset.ts'
import { main } from './command.ts'
import { rows } from './sql.ts'

describe('shop-pg', () => {
  let db: Database
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'shop-pg-cli-'))
    db = await database()
    await db.client.query('create extension pg_stat_statements')
    await PLAIN.load(db.client, { products: 100, orders: 200 })
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true })
    await db.close()
  })

  async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const [out, err]: [string[], string[]] = [[], []]
    const code = await main(
      ['--url', db.url, ...args],
      (line) => out.push(line),
      (line) => err.push(line),
    )
    return { code, out: out.join('\n'), err: err.join('\n') }
  }

  test('plans, applies, tells its status, and finds nothing more to do', async () => {
    const planned = JSON.parse((await run('plan', '--json')).out) as Array<{ state: string }>
    expect(new Set(planned.map(({ state }) => state))).toEqual(new Set(['missing']))
    expect((await run('apply', '--dry-run')).out).toContain(`${planned.length} to do`)
    expect(await run('apply')).toMatchObject({ code: 0, out: `${planned.length} made, 0 were there` })
    expect((await run('diff')).out).toBe('0 to do')
    const status = JSON.parse((await run('status', '--json')).out) as {
      assets: Array<{ asset: string; current: number; of: number }>
    }
    expect(status.assets.map(({ asset }) => asset)).toEqual(ASSET_NAMES)
    expect(status.assets.every(({ current, of }) => current === of)).toBe(true)
    expect((await run('status')).out).toContain('product_document')
  }, 120_000)

  test('refreshes, folds, lists slow queries and takes snapshots', async () => {
    expect((await run('refresh')).out).toContain('products_stats')
    await db.client.query(
      `insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now())`,
    )
    expect((await run('fold')).out).toBe('1 changes folded')
    expect(await run('slow', '--snapshot', '--by', 'mean', '--limit', '3')).toMatchObject({ code: 0 })
    await db.client.query('select count(*) from products, categories -- something new')
    const slow = JSON.parse((await run('slow', '--json', '--limit', '1000')).out) as Array<{
      query: string
      is_new: boolean
    }>
    expect(slow.find(({ query }) => query.includes('from products, categories'))).toMatchObject({ is_new: true })
    expect(await run('slow', '--by', 'beauty')).toMatchObject({ code: 1 })
  })

  test('what takes long tells on stderr how far it is and what is left', async () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const told = async (...args: string[]): Promise<string> => {
      write.mockClear()
      await run(...args)
      return write.mock.calls.map(([text]) => String(text)).join('')
    }
    expect(await told('refresh')).toMatch(
      /sales_summary_daily refreshed in .* s left\n[^]*products_stats refreshed in .* 0 s left/,
    )
    await db.client.query(`update orders set status = 'paid' where status = 'pending'`)
    expect(await told('fold')).toMatch(/^(\d+) of \1 folded  0 s left\n$/)
    await db.client.query(
      'select pg_stat_statements_reset(0, oid, 0) from pg_database where datname = current_database()',
    )
    for (let n = 0; n < 5; n++) await db.client.query('select id from orders where total_cents = $1', [n])
    expect(await told('advise', '--model', 'embedded-postgres', '--limit', '1')).toContain('0 indexes chosen')
  }, 120_000)

  test('the doctor finds what is wrong, and mends what is ours', async () => {
    await db.client.query(
      `create sequence public.nearly maxvalue 100 start 99; select nextval('public.nearly'); create table shop.theirs (); create index twin on products (category_id, price_cents, id) where active`,
    )
    await db.client.query(`create index shop_mine on orders (status); update pg_index set indisvalid = false
      where indexrelid in ('shop_products_rating'::regclass, 'shop_mine'::regclass, 'shop.product_document_words'::regclass)`)
    const { code, out } = await run('doctor', '--json')
    const { findings } = JSON.parse(out) as { findings: Array<{ check: string; object: string }> }
    expect(code).toBe(1)
    const found = findings.map(({ check, object }) => `${check}: ${object}`)
    expect(found).toContain('invalid index: shop_products_rating')
    expect(found).toContain('sequence near its end: public.nearly')
    expect(found).toContain('duplicate index: twin')
    const fixed = (await run('doctor', '--fix')).out
    expect(fixed).toContain('ran     drop index concurrently shop_products_rating')
    expect(fixed).toMatch(/ran {5}drop index concurrently (shop\.)?product_document_words/)
    expect(fixed).not.toMatch(/ran .*shop_mine/)
    expect(await run('apply')).toMatchObject({ code: 0, out: expect.stringContaining('2 made') as string })
    await db.client.query('drop index shop_mine')
  })

  test('a dry run tells what each would do, and changes nothing', async () => {
    await db.client.query(
      `insert into orders (customer_id, status, total_cents, created_at) values (1, 'paid', 1, now()); update pg_index set indisvalid = false where indexrelid = 'shop_products_rating'::regclass`,
    )
    const before = await definitions(db.client)
    const dry = async (...args: string[]): Promise<string> => (await run(...args, '--dry-run')).out
    expect(await dry('rollback')).toMatch(/index public\.shop_products_browse\n[\s\S]*objects would be dropped/)
    expect(await dry('fold')).toBe('1 changes would be folded')
    expect(await dry('refresh')).toContain('products_stats')
    expect(await dry('doctor', '--fix')).toContain('would run drop index concurrently shop_products_rating')
    expect(await dry('slow', '--snapshot')).not.toBe('')
    expect(await dry('export', '--out', path.join(folder, 'none'))).toContain('01_browse.sql')
    expect(existsSync(path.join(folder, 'none'))).toBe(false)
    expect(await dry('apply')).toContain('1 to do')
    for (const command of [
      'rollback',
      'fold',
      'refresh',
      'doctor',
      'slow',
      'export',
      'apply',
      'plan',
      'status',
      'diff',
    ])
      JSON.parse(await dry(command, '--json'))
    expect(await definitions(db.client)).toEqual(before)
    await run('apply')
  })

  test('exports the SQL of a mapping, which makes the same objects by hand, as those who apply and roll back know them', async () => {
    expect((await run('export', '--out', folder)).code).toBe(0)
    const files = readdirSync(folder).sort()
    expect(files).toHaveLength(ASSET_NAMES.length)
    await using hand = await database()
    await hand.client.query('create extension pg_stat_statements')
    await PLAIN.load(hand.client, { products: 2500, orders: 200 })
    const before = await definitions(hand.client)
    for (const file of files)
      for (const statement of statementsOf(readFileSync(path.join(folder, file), 'utf8')))
        await hand.client.query(statement)
    const byHand = await definitions(hand.client)
    expect(
      await rows(hand.client, 'select from products where active except all select from shop.product_document'),
    ).toEqual([])
    expect(
      await rows(hand.client, 'select id, stock from products except select product, on_hand from shop.stock_level'),
    ).toEqual([])
    expect(
      await rows(hand.client, `select from shop.applied_step where step like '%/data %' and finished_at is null`),
    ).toEqual([])
    const options = { connect: hand.url, mapping: PLAIN.mapping }
    expect((await plan(options)).flatMap(({ steps }) => steps.filter(({ state }) => state !== 'current'))).toEqual([])
    expect((await apply(options)).made).toEqual([])
    await rollback(options)
    expect(await definitions(hand.client)).toEqual(before)
    await apply(options)
    expect(byHand).toEqual(await definitions(hand.client))
  }, 120_000)

  test('computes anew what passed the triggers by', async () => {
    await db.client.query(
      `set session_replication_role = replica; update products set stock = stock + 1; reset session_replication_role`,
    )
    const { code, out } = await run('doctor')
    expect(code).toBe(1)
    expect(out).toContain(
      'error   derived data: stock_level 100 of 100 products differ in their stock. shop-pg rebuild --asset inventory',
    )
    expect((await run('rebuild', '--asset', 'inventory', '--dry-run')).out).toContain('stock_filled')
    expect(await run('rebuild', '--asset', 'inventory')).toMatchObject({
      code: 0,
      out: expect.stringContaining('2 made') as string,
    })
    expect((await run('doctor')).out).not.toContain('derived data')
  })

  test('takes away one asset', async () => {
    expect(await run('rollback', '--asset', 'sales', '--yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_SHOP_PG_CONFLICT') as string,
    })
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    const foretold = (await run('rollback', '--asset', 'browse', '--dry-run')).out
    expect(foretold).toContain('3 objects would be dropped')
    expect((await run('rollback', '--asset', 'browse', '--yes')).out).toBe('3 objects dropped')
    expect(write.mock.calls.join()).not.toContain('search')
    expect((await run('diff')).out).toContain('3 to do')
    await run('apply')
  })

  test('rolls back when told twice', async () => {
    expect(await run('rollback')).toMatchObject({ code: 2, err: expect.stringContaining('--yes') as string })
    const foretold = (JSON.parse((await run('rollback', '--dry-run', '--json')).out) as unknown[]).length
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    expect(await run('rollback', '--yes')).toMatchObject({ code: 0, out: `${foretold} objects dropped` })
    expect(write.mock.calls.join()).toMatch(/ {2}1\/\d+ \w+ trigger \w+\n.* {2}2\/\d+ \w+ trigger \w+ {2}\d+ s left/)
    expect((await run('fold')).err).toMatch(/^ERR_SHOP_PG_ABSENT: .*apply the assets first/)
    const { out, err } = await run('refresh', '--json')
    expect(err).toBe('')
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'ERR_SHOP_PG_ABSENT' } })
  })

  test.each([
    [[], 2, 'shop-pg <command>'],
    [['nonsense'], 2, 'shop-pg <command>'],
    [['toString'], 2, 'shop-pg <command>'],
    [['plan', '--nonsense'], 2, 'ERR_SHOP_PG_CLI'],
    [['plan', '--fix'], 2, 'plan takes no --fix'],
    [['plan', '--every', '5s'], 2, 'ERR_SHOP_PG_CLI'],
    [['rollback', '--yes', '--fix'], 2, 'ERR_SHOP_PG_CLI'],
    [['rollback', '--yes', '--asset', 'sails'], 1, 'ERR_SHOP_PG_OPTION'],
    [['slow', '--limit', 'many'], 2, 'ERR_SHOP_PG_CLI'],
    [['advise', '--model', 'sqlite'], 2, 'ERR_SHOP_PG_CLI'],
    [['fold', '--every', 'often'], 2, 'ERR_SHOP_PG_CLI'],
    [['plan', '--mapping', '/nowhere.json'], 2, 'ERR_SHOP_PG_CLI'],
    [['plan', '--url', 'postgres://x@127.0.0.1:1/x'], 1, 'ERR_SHOP_PG_CONNECT'],
  ])('%j ends with %i', async (args, code, said) => {
    const result = await run(...args)
    expect(result.code).toBe(code)
    expect(result.err).toContain(said)
  })

  test('a mapping file says what differs', async () => {
    const file = path.join(folder, 'mapping.json')
    writeFileSync(file, JSON.stringify({ products: { price: 'cost' } }))
    expect(await run('plan', '--mapping', file)).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_SHOP_PG_COLUMN') as string,
    })
  })
})

/** One by one, as psql sends them. */
function statementsOf(text: string): string[] {
  const parts = text.match(/--[^\n]*|\bE'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[^]*?\1|;|[^]/g)!
  const found = ['']
  for (const part of parts) {
    if (part === ';') found.push('')
    else if (!part.startsWith('--')) found[found.length - 1] += part
  }
  return found.filter((statement) => statement.trim() !== '')
}
