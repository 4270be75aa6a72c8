import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

import { expect, onTestFinished, test } from 'vitest'

import { needs } from './needs.ts'
import { guardedDirectory } from './spawn.ts'

test('gpg opens what it sealed, and its agent ends with the test', (ctx) => {
  const { gpg, 'gpg-agent': agent } = needs(ctx, 'gpg').programs
  const { dir, remove } = guardedDirectory('gpg')
  const run = (...args: string[]): string =>
    execFileSync(gpg!, ['--homedir', dir, '--batch', '--pinentry-mode', 'loopback', '--passphrase', 'word', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  onTestFinished(async () => {
    const connect = path.join(path.dirname(agent!), 'gpg-connect-agent')
    execFileSync(connect, ['--homedir', dir, '--no-autostart', 'killagent', '/bye'], { stdio: 'ignore' })
    await remove()
  })
  const file = path.join(dir, 'text')
  writeFileSync(file, 'secret')
  run('--symmetric', file)
  expect(run('--decrypt', `${file}.gpg`)).toBe('secret')
})
