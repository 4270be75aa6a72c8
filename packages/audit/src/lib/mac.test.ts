import { createHmac, randomBytes } from 'node:crypto'

import { expect, it } from 'vitest'

import { eventMac, MAC_BYTES } from './mac.ts'

it('is HMAC-SHA-256, cut to 16 bytes', () => {
  for (let i = 0; i < 100; i++) {
    const [key, leaf] = [randomBytes(32), randomBytes(32)]
    const expected = createHmac('sha256', key).update(leaf).digest().subarray(0, MAC_BYTES)
    expect(eventMac('test', key)!(leaf).equals(expected)).toBe(true)
  }
})

it('refuses a key that is not 32 bytes', () => {
  expect(() => eventMac('test', randomBytes(16))).toThrow(expect.objectContaining({ code: 'ERR_SHOP_AUDIT_OPTION' }))
})
