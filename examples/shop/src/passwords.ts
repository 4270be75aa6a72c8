import { randomBytes, scrypt as scryptCallback } from 'node:crypto'
import { promisify } from 'node:util'

import { constantWork, safeEqual } from '@shop/security-middleware'

const scrypt = promisify<string, Buffer, number, { N: number; r: number; p: number }, Buffer>(scryptCallback)
// OWASP's floor for scrypt is N = 2^17, r = 8; 2^14 with p = 5 is its equal at an eighth of the memory
const cost = { N: 2 ** 14, r: 8, p: 5 }

/** `scrypt$salt$key`, to store. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await scrypt(password.normalize('NFKC'), salt, 32, cost)
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`
}

async function matches(hash: string, password: string): Promise<boolean> {
  const [, salt, key] = hash.split('$') as [string, string, string]
  const given = await scrypt(password.normalize('NFKC'), Buffer.from(salt, 'base64url'), 32, cost)
  return safeEqual(given, Buffer.from(key, 'base64url'))
}

const nobody = `scrypt$${randomBytes(16).toString('base64url')}$${randomBytes(32).toString('base64url')}`

/** Whether `password` is the one a stored hash was made from; where none is stored, the same work ends in no. */
export const passwordMatches: (hash: string | null | undefined, password: string) => Promise<boolean> = constantWork(
  matches,
  nobody,
)
