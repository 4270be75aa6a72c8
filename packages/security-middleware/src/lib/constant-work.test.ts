import { scryptSync } from 'node:crypto'

import { dudect } from '@shop/testkit/dudect'
import { describe, expect, test } from 'vitest'

import { constantWork } from './constant-work.ts'
import { safeEqual } from './safe-equal.ts'

const hash = (password: string): Buffer => scryptSync(password, 'salt', 32, { N: 2, r: 1, p: 1 })
const verify = (stored: Buffer, password: string): boolean => safeEqual(hash(password), stored)
const dummy = hash('nobody knows this')

describe('constantWork()', () => {
  const check = constantWork(verify, dummy)

  test('answers as the check does for who is known, and false for who is not', async () => {
    expect(await check(hash('right'), 'right')).toBe(true)
    expect(await check(hash('right'), 'wrong')).toBe(false)
    expect(await check(undefined, 'right')).toBe(false)
    expect(await check(null, 'right')).toBe(false)
  })

  test('is false for an unknown user even when the dummy matches', async () => {
    expect(await check(undefined, 'nobody knows this')).toBe(false)
  })

  test('does the work once either way', async () => {
    let calls = 0
    const counted = constantWork(() => (calls++, true), 'dummy')
    await counted('stored')
    await counted(undefined)
    expect(calls).toBe(2)
  })

  test('passes a failure on', async () => {
    await expect(constantWork(() => Promise.reject(new Error('store')), 'dummy')(undefined)).rejects.toThrow('store')
  })

  const users = [hash('secret'), undefined] as const

  test('the time of a login does not tell whether the user exists (dudect, short form)', async () => {
    let least = Infinity
    for (let run = 0; run < 3 && least >= 4.5; run++)
      least = Math.min(least, (await dudect(6000, (input) => check(users[input], 'wrong'), 500)).t)
    expect(least).toBeLessThan(4.5)
  })

  test('the same test catches a login that skips the work for unknown users', async () => {
    const leaky = async (stored: Buffer | undefined, password: string): Promise<boolean> =>
      stored !== undefined && verify(stored, password)
    const { t } = await dudect(3000, (input) => leaky(users[input], 'wrong'), 500)
    expect(t).toBeGreaterThan(4.5)
  })
})
