import { randomBytes } from 'node:crypto'

import { expect, it } from 'vitest'

process.env['MASTER_ENCRYPTION_KEY'] ??= randomBytes(32).toString('hex')
const { openPersonal, phoneIndex, phoneSearch, samePhone, sealPersonal } = await import('./personal.ts')

it('seals a phone number under its owner, so that it opens in no other row', () => {
  const sealed = sealPersonal('+353 1 555 0199', { customer: 7, field: 'phone' })
  expect(sealed).toMatch(/^e1\./)
  expect(openPersonal(sealed, { customer: 7, field: 'phone' })).toBe('+353 1 555 0199')
  expect(() => openPersonal(sealed, { customer: 8, field: 'phone' })).toThrow('could not be decrypted')
  expect(() => openPersonal(sealed, { customer: 7, field: 'address' })).toThrow('could not be decrypted')
  expect(openPersonal(sealPersonal('', { customer: 7, field: 'phone' }), { customer: 7, field: 'phone' })).toBe('')
})

it('finds a phone number however it is written, by an index that does not hold it', () => {
  expect(phoneSearch('00353 1 5550199')).toContain(phoneIndex('+353 (1) 555-0199'))
  expect(samePhone('00353 1 5550199', '+353 (1) 555-0199')).toBe(true)
  expect(phoneIndex('+353 1 555 0199')).not.toMatch(/5550199/)
})
