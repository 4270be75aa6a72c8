import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { codes, CryptoError, DecryptionError } from './errors.ts'
import { createVault } from './vault.ts'

const here = import.meta.dirname
const readme = readFileSync(path.join(here, '../../README.md'), 'utf8')
const read = (pattern: string): string =>
  globSync(pattern, { cwd: here })
    .map((file) => readFileSync(path.join(here, file), 'utf8'))
    .join('\n')

it('codes are the same in the registry and in the README', () => {
  const documented = [...readme.matchAll(/^\| `(ERR_SHOP_CRYPTO_\w+)` \|/gm)].map((match) => match[1])
  expect(documented.toSorted()).toEqual(Object.keys(codes).toSorted())
})

it('every code is raised by the source and expected by a test', () => {
  const source = globSync('*.ts', { cwd: here })
    .filter((file) => !/\.test|errors\.ts/.test(file))
    .map((file) => readFileSync(path.join(here, file), 'utf8'))
    .join('\n')
  const tests = read('*.test.ts')
  for (const code of Object.keys(codes)) {
    if (code !== 'ERR_SHOP_CRYPTO_DECRYPT') expect([code, source.includes(`'${code}'`)]).toEqual([code, true])
    expect([code, tests.includes(code)]).toEqual([code, true])
  }
})

it('channels are the same in the source and in the README', () => {
  const published = [
    ...readFileSync(path.join(here, 'events.ts'), 'utf8').matchAll(/typed\('(shop:crypto:[\w-]+)'/g),
  ].map((match) => match[1])
  const documented = [...readme.matchAll(/^\| `(shop:crypto:[\w-]+)` \|/gm)].map((match) => match[1])
  expect(documented.toSorted()).toEqual(published.toSorted())
})

it('a DecryptionError is a CryptoError, and always the same', () => {
  expect(new DecryptionError()).toBeInstanceOf(CryptoError)
  expect(new DecryptionError().message).toBe(new DecryptionError().message)
})

it('the README’s example is what the vault reads', () => {
  const [token] = /e1\.4QEr07j78PHy8\S+/.exec(readme) ?? []
  const [, masterKey] = /Master key `([0-9a-f]{64})`/.exec(readme) ?? []
  const vault = createVault({ masterKey: masterKey as string })
  expect(vault.decrypt(token as string, { table: 'customers', column: 'phone', row: 42 })).toBe('+4915112345678')
  const block = readme.slice(readme.indexOf('\ne1      '), readme.indexOf('the HMAC is over'))
  const bytes = [...block.matchAll(/^([0-9a-f]+) {2}/gm)].map((match) => match[1]).join('')
  expect(`e1.${Buffer.from(bytes, 'hex').toString('base64url')}`).toBe(token)
})
