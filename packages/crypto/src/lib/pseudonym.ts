import { createSecretKey } from 'node:crypto'
import { blindMac } from './blind-mac.ts'
import type { Keyset } from './keyset.ts'
import { pae } from './pae.ts'

/**
 * Stand-ins that keep their value's type, so that logs, test data and analytics keep working: equal values have equal stand-ins,
 * and nobody without the key gets from one to the other. Not reversible; not for storing what must be read back.
 */
export interface Pseudonyms {
  /** Twelve letters at `token.invalid`, a domain that receives no mail. */
  email(email: string): string
  /** As many digits, `+999` first: a calling code nobody has. */
  phone(phone: string): string
  /** Sixteen digits that start with 9 and fail the Luhn check: no card has them. The last four are the card's own. */
  card(card: string): string
  /** A UUID, version 8. */
  uuid(id: string): string
  /** A whole number from 0 below 2^48. */
  number(value: number | bigint): number
  /** A day at most 182 days before or after. */
  date(date: Date): Date
}

/** Makes stand-ins under a keyset's primary key. @param scope tells one use from another: the same value has another stand-in there. */
export function createPseudonyms(keyset: Keyset, scope: string): Pseudonyms {
  keyset.assertAvailable()
  const key = createSecretKey((keyset.primary.suites as NonNullable<Keyset['primary']['suites']>).derive('pseudonym'))
  const mac = (type: string, value: string): Buffer => blindMac(key, pae(['shop/p1', scope, type, value]))
  const digits = (bytes: Buffer, count: number): string =>
    (bytes.readBigUInt64BE(0) % 10n ** BigInt(count)).toString().padStart(count, '0')
  return {
    email: (email) => `${letters(mac('email', email.trim().toLowerCase()))}@token.invalid`,
    phone: (phone) => {
      const number = phone.replaceAll(/\D/g, '')
      return `+999${digits(mac('phone', number), Math.min(12, Math.max(4, number.length - 3)))}`
    },
    card: (card) => {
      const number = card.replaceAll(/\D/g, '')
      const front = `9${digits(mac('card', number), 10)}`
      const last = number.slice(-4).padStart(4, '0')
      // one of two neighbours fails the check
      return luhn(`${front}0${last}`) ? `${front}1${last}` : `${front}0${last}`
    },
    uuid: (id) => {
      const bytes = mac('uuid', id.toLowerCase()).subarray(0, 16)
      bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
      bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    },
    number: (value) => mac('number', String(value)).readUIntBE(0, 6),
    date: (date) =>
      new Date(date.getTime() + ((mac('date', date.toISOString()).readUInt32BE(0) % 365) - 182) * 86_400_000),
  }
}

function letters(bytes: Buffer): string {
  return Array.from(bytes.subarray(0, 12), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join('')
}

function luhn(number: string): boolean {
  let sum = 0
  for (let i = 0; i < number.length; i++) {
    const digit = Number(number[number.length - 1 - i]) * (i % 2 === 0 ? 1 : 2)
    sum += digit > 9 ? digit - 9 : digit
  }
  return sum % 10 === 0
}
