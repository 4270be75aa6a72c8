import { randomBytes, scrypt as scryptCallback, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const scrypt = promisify<string, Buffer, number, { N: number; r: number; p: number }, Buffer>(scryptCallback)
// OWASP's floor for scrypt is N = 2^17, r = 8; 2^14 with p = 5 is its equal at an eighth of the memory
const cost = { N: 2 ** 14, r: 8, p: 5 }

/** `scrypt$salt$key`, to store. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await scrypt(password.normalize('NFKC'), salt, 32, cost)
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`
}

/** Whether `password` is the one `hash` was made from; an unknown user's absent hash costs the same work. */
export async function passwordMatches(password: string, hash: string | null | undefined): Promise<boolean> {
  const [, salt, key] = (hash ?? nobody).split('$') as [string, string, string]
  const given = await scrypt(password.normalize('NFKC'), Buffer.from(salt, 'base64url'), 32, cost)
  return timingSafeEqual(given, Buffer.from(key, 'base64url')) && hash != null
}

const nobody = `scrypt$${Buffer.alloc(16).toString('base64url')}$${Buffer.alloc(32).toString('base64url')}`
