import { execFile } from 'node:child_process'
import { createCipheriv, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { database } from '@shop/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli, usage } from './cli.ts'
import { parseKeyset } from './keyset.ts'
import { ProgressBar } from './progress-bar.ts'
import { createVault } from './vault.ts'

describe('shop-crypto', () => {
  let dir: string
  const masterKey = randomBytes(32).toString('hex')
  beforeAll(async () => void (dir = await mkdtemp(path.join(os.tmpdir(), 'shop-crypto-'))))
  afterAll(async () => rm(dir, { recursive: true }))
  const at = (name: string): string => path.join(dir, name)

  async function cli(
    args: readonly string[],
    { env = { MASTER_ENCRYPTION_KEY: masterKey } as Record<string, string>, input = '' } = {},
  ) {
    const stdout = new PassThrough()
    let err = ''
    const said = text(stdout)
    const code = await runCli(args, {
      env,
      stdin: Readable.from([Buffer.from(input)]),
      stdout,
      stderr: { write: (line) => (err += line) },
    })
    stdout.end()
    return { code, out: await said, err }
  }

  it('keygen makes a key a vault takes', async () => {
    const { code, out } = await cli(['keygen'])
    expect(code).toBe(0)
    expect(createVault({ masterKey: out.trim() })).toBeDefined()
    expect((await cli(['keygen'])).out).not.toBe(out)
  })

  it('leads a keyset through its life, and prints no key', async () => {
    const keyset = ['--keyset', at('keys.json')]
    const ids = (out: string): string[] => [...out.matchAll(/^(\d+)/gm)].map((match) => match[1]!)
    const made = await cli(['keyset', 'create', ...keyset])
    expect(made.code).toBe(0)
    const [first] = ids(made.out)
    const [, second] = ids((await cli(['keyset', 'add', ...keyset, '--not-after', '2999-01-01T00:00:00Z'])).out)
    expect((await cli(['keyset', 'promote', ...keyset, '--id', second!])).out).toMatch(new RegExp(`${second} +primary`))
    await cli(['keyset', 'retire', ...keyset, '--id', first!])
    await cli(['keyset', 'destroy', ...keyset, '--id', first!])
    const { out } = await cli(['keyset', 'list', ...keyset])
    expect(out).toMatch(new RegExp(`${first} +destroyed`))
    const file = await readFile(at('keys.json'), 'utf8')
    expect(out).not.toContain(JSON.parse(file).keys[1].material)
    expect(parseKeyset(file).primary.id).toBe(Number(second))
    expect(await cli(['keyset', 'create', ...keyset])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there already'),
    })
    expect(await cli(['keyset', 'retire', ...keyset, '--id', second!])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ERR_SHOP_CRYPTO_KEY_STATE'),
    })
  })

  it('keeps a wrapped keyset that only its key-encryption key opens', async () => {
    await writeFile(at('kek'), randomBytes(32).toString('hex'))
    const keyset = ['--keyset', at('wrapped.json'), '--wrap-file', at('kek')]
    expect((await cli(['keyset', 'create', ...keyset])).out).toMatch(/primary .* file$/m)
    await writeFile(at('plain'), 'secret')
    expect((await cli(['encrypt', at('plain'), at('sealed'), ...keyset])).code).toBe(0)
    expect((await cli(['decrypt', at('sealed'), '-', ...keyset])).out).toBe('secret')
    expect(await cli(['decrypt', at('sealed'), '-', '--keyset', at('wrapped.json')])).toMatchObject({
      code: 1,
      out: '',
    })
  })

  it('encrypts and decrypts files and pipes; a bad one leaves nothing behind', async () => {
    const plain = randomBytes(200_000)
    await writeFile(at('in'), plain)
    expect((await cli(['encrypt', at('in'), at('in.e1'), '--context', 'nightly'])).code).toBe(0)
    expect((await cli(['decrypt', at('in.e1'), at('back'), '--context', 'nightly'])).code).toBe(0)
    expect(await readFile(at('back'))).toEqual(plain)
    expect((await cli(['encrypt', '-', at('piped.e1')], { input: 'through a pipe' })).code).toBe(0)
    expect((await cli(['decrypt', at('piped.e1'), '-'])).out).toBe('through a pipe')
    const refused = { code: 1, err: expect.stringContaining('ERR_SHOP_CRYPTO_DECRYPT') }
    expect(await cli(['decrypt', at('in.e1'), at('other'), '--context', 'weekly'])).toMatchObject(refused)
    await truncate(at('in.e1'), 150_000)
    expect(await cli(['decrypt', at('in.e1'), at('other'), '--context', 'nightly'])).toMatchObject(refused)
    expect((await readdir(dir)).filter((name) => /other|part/.test(name))).toEqual([])
  })

  it('says what is wrong with a command line, with exit code 2', async () => {
    for (const args of [
      ['fly'],
      ['keyset', 'lose', '--keyset', at('wrapped.json')],
      ['keyset', 'list'],
      ['keyset', 'list', '--keyset', at('none')],
      ['encrypt', 'x'],
      ['reencrypt'],
      ['reencrypt', '--database', 'postgres://x'],
      ['--unknown'],
      ['keyset', 'promote', '--keyset', at('wrapped.json'), '--id', 'x'],
      ['keyset', 'add', '--keyset', at('wrapped.json'), '--wrap-env', 'X', '--wrap-file', 'y'],
      ['keyset', 'add', '--keyset', at('wrapped.json')],
      ['migrate-legacy', '--database', 'postgres://x', '--table', 't', '--column', 'c', '--key', 'k'],
      [
        'migrate-legacy',
        '--database',
        'postgres://x',
        '--table',
        't',
        '--column',
        'c',
        '--key',
        'k',
        '--from',
        'iv:ciphertext',
      ],
    ])
      expect(await cli(args)).toMatchObject({
        code: 2,
        err: expect.stringMatching(/^shop-crypto: ERR_SHOP_CRYPTO_CLI: /),
      })
    expect(await cli([])).toMatchObject({ code: 2, out: usage })
    expect(await cli(['help'])).toMatchObject({ code: 0, out: usage })
    expect(await cli(['encrypt', at('missing'), at('x')])).toMatchObject({
      code: 1,
      err: expect.stringContaining('ENOENT'),
    })
    expect(await cli(['encrypt', at('in'), at('x')], { env: {} })).toMatchObject({
      code: 1,
      err: expect.stringContaining('MASTER_ENCRYPTION_KEY'),
    })
  })

  it('migrates, re-encrypts and says what it did, on PostgreSQL', async () => {
    await using db = await database()
    const old = randomBytes(32)
    const legacyOf = (value: string): string => {
      const iv = randomBytes(16)
      const cipher = createCipheriv('aes-256-cbc', old, iv)
      return `${iv.toString('hex')}:${cipher.update(value, 'utf8', 'hex')}${cipher.final('hex')}`
    }
    await db.client.query('create table people (id int primary key, phone text, email text)')
    for (let id = 1; id <= 20; id++)
      await db.client.query('insert into people values ($1, $2, $3)', [id, legacyOf(`p${id}`), `e${id}`])
    const env = { DATABASE_URL: db.url, OLD_KEY: old.toString('hex') }
    const keyset = ['--keyset', at('column.json')]
    await cli(['keyset', 'create', ...keyset])
    const column = (name: string) => ['--table', 'people', '--column', name, '--key', 'id', ...keyset]
    const migrated = await cli(
      ['migrate-legacy', ...column('phone'), '--from', 'iv:ciphertext', '--legacy-key-env', 'OLD_KEY'],
      { env },
    )
    expect(migrated).toMatchObject({ code: 0, out: expect.stringMatching(/^20 rows rewritten in .*\n0 rows left\n$/) })
    expect(
      (await cli(['migrate-legacy', ...column('email'), '--from', 'plaintext', '--deterministic'], { env })).code,
    ).toBe(0)
    const json = JSON.parse(await readFile(at('column.json'), 'utf8'))
    await cli(['keyset', 'add', ...keyset])
    const id = String(JSON.parse(await readFile(at('column.json'), 'utf8')).keys[1].id)
    await cli(['keyset', 'promote', ...keyset, '--id', id])
    expect(await cli(['reencrypt', ...column('phone'), '--dry-run'], { env })).toMatchObject({
      code: 0,
      out: expect.stringContaining('20 rows would be rewritten'),
    })
    await db.client.query('update people set phone = $1 where id = 3', [
      createVault({ keyset: json }).encrypt('x', { table: 'people', column: 'phone', row: 4 }),
    ])
    const run = await cli(['reencrypt', ...column('phone')], { env })
    expect(run).toMatchObject({
      code: 1,
      out: expect.stringMatching(/19 rows rewritten[^]*1 rows failed[^]*first keys: 3\n1 rows left/),
    })
    expect(run.err).toMatch(/reencrypt \[#+\.*\] \d+% {2}19\/20 rows/)
    expect((await cli(['reencrypt', ...column('email'), '--deterministic'], { env })).code).toBe(0)
    const vault = createVault({ keyset: await readFile(at('column.json'), 'utf8'), deterministic: ['people.email'] })
    const { rows } = await db.client.query<{ phone: string; email: string }>('select * from people where id = 9')
    expect(vault.decrypt(rows[0]!.phone, { table: 'people', column: 'phone', row: 9 })).toBe('p9')
    expect(rows[0]!.email).toBe(vault.searchToken('e9', { table: 'people', column: 'email' }))
  })

  it('runs as a program, also through a symbolic link', async () => {
    await symlink(fileURLToPath(new URL('../cli.ts', import.meta.url)), at('shop-crypto.ts'))
    const { stdout } = await promisify(execFile)(process.execPath, [at('shop-crypto.ts'), 'keygen'])
    expect(stdout).toMatch(/^[0-9a-f]{64}\n$/)
  })
})

describe('the progress bar', () => {
  it('draws one moving line on a terminal, and a line per tenth elsewhere', async () => {
    let drawn = ''
    const tty = new ProgressBar('job', 'rows', { isTTY: true, write: (line) => (drawn += line) })
    await new Promise((resolve) => setTimeout(resolve, 20))
    tty.show(500, 1000)
    tty.show(501, 1000)
    tty.show(1000, 1000, 'done')
    tty.end()
    const frames = drawn.split('\r').map((frame) => frame.replace('\u001B[K', ''))
    expect(frames).toEqual([
      '',
      expect.stringMatching(/^job \[#{10}\.{10}\] 50% {2}500\/1,000 rows, [\d,]+\/s, \d+ s left$/),
      expect.stringMatching(/^job \[#{20}\] 100% {2}1,000\/1,000 rows, [\d,]+\/s, done\n$/),
    ])
    const lines: string[] = []
    const plain = new ProgressBar('job', 'bytes', { write: (line) => lines.push(line) })
    for (let i = 0; i <= 100; i++) plain.show(i, 100)
    plain.end()
    expect(lines.length).toBe(11)
    expect(new ProgressBar('job', 'bytes', { write: (line) => lines.push(line) }).show(7, 0)).toBeUndefined()
    expect(lines.at(-1)).toMatch(/^job 7 bytes/)
  })
})
