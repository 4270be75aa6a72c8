import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import { database, freePort } from '@shop/testkit'
import { expect, it } from 'vitest'

import type { OpenShop } from './open-shop.ts'

export function badInputSpec(name: string, main: URL, open: () => OpenShop): void {
  /** Starts the app as an operator would, and expects it to give up with one line. */
  async function complaint(env: Readonly<Record<string, string | undefined>>): Promise<string> {
    const child = spawn(process.execPath, [fileURLToPath(main)], {
      env: { PATH: process.env['PATH'], ...open().env, PORT: String(await freePort()), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [stderr, code] = await Promise.all([
      text(child.stderr),
      new Promise((resolve) => child.once('exit', resolve)),
    ])
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    return stderr.trim()
  }

  it('names the variables that are missing or wrong, and what they should be', { timeout: 120_000 }, async () => {
    expect(
      await complaint({ DATABASE_URL: undefined, PORT: '99999', SMTP_URL: 'localhost', PAYMENT_KEY: 'short' }),
    ).toBe(
      `${name}: PORT is above 65535; ` +
        'DATABASE_URL is missing: a URL like postgres://user:password@host:5432/shop; ' +
        'PAYMENT_KEY is too short: the payment provider’s secret key, at least 16 characters; ' +
        'SMTP_URL is not a mail server, like smtp://127.0.0.1:1025',
    )
  })

  it('says that a port is in use', { timeout: 120_000 }, async () => {
    const { port } = new URL(open().url)
    expect(await complaint({ PORT: port })).toBe(
      `${name}: port ${port} on 127.0.0.1 is in use: stop what listens there, or set PORT`,
    )
  })

  it('says that PostgreSQL is not there, or refuses', { timeout: 120_000 }, async () => {
    const nobody = await freePort()
    expect(await complaint({ DATABASE_URL: `postgres://shop:pw@127.0.0.1:${nobody}/shop` })).toMatch(
      new RegExp(`^${name}: PostgreSQL at 127.0.0.1:${nobody}/shop refuses: .*ECONNREFUSED`),
    )
    const wrong = new URL(open().env['DATABASE_URL']!)
    wrong.password = 'wrong'
    expect(await complaint({ DATABASE_URL: wrong.href })).toMatch(/refuses: password authentication failed/)
  })

  it('does not wait for ever for a PostgreSQL that says nothing', { timeout: 120_000 }, async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    expect(await complaint({ DATABASE_URL: `postgres://shop:pw@127.0.0.1:${port}/shop` })).toMatch(/timeout/)
    silent.close()
  })

  it('does not start on a half-finished migration', { timeout: 120_000 }, async () => {
    await using empty = await database()
    await empty.client.query(`
      create table migrations (number int primary key, name text not null, hash text not null,
        started_at timestamptz not null default now(), finished_at timestamptz);
      insert into migrations values (1, '0001_catalogue.sql', '', '2026-01-02T03:04:05Z')`)
    expect(await complaint({ DATABASE_URL: empty.url })).toBe(
      `${name}: migration 0001_catalogue.sql was begun at 2026-01-02T03:04:05.000Z and never finished: check the ` +
        'database, then "delete from migrations where number = 1" to run it again',
    )
  })
}
