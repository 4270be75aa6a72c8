import { CryptoError } from './errors.ts'

/** How national numbers are read. */
export interface PhoneOptions {
  /** Calling code of numbers written without one: `'49'`. Without it they are refused. */
  readonly callingCode?: string | undefined
}

/**
 * A phone number in E.164: `+4915112345678`. Takes the international form with + or 00, and with a calling code the national one
 * (a leading 0 is the trunk prefix); a `(0)` after the calling code and any spaces, dots, dashes, slashes and brackets go.
 * It checks the form, not whether the number is assigned.
 * @throws ERR_SHOP_CRYPTO_PHONE, which does not print the number.
 */
export function normalisePhone(phone: string, { callingCode }: PhoneOptions = {}): string {
  if (typeof phone !== 'string' || !/^\s*(?:\+|\d|\()[\d\s().\-/]*$/.test(phone))
    throw refuse('it has other characters than digits, spaces and ( ) . - / after an optional +')
  const international = /^\s*(?:\+|00)/.test(phone)
  const digits = phone
    .replace(/\(0\)/, '')
    .replaceAll(/\D/g, '')
    .replace(international && !phone.includes('+') ? /^00/ : /^$/, '')
  if (!international && callingCode === undefined) throw refuse('it has no calling code, and none is configured')
  const number = international ? digits : `${callingCode}${digits.replace(/^0/, '')}`
  if (!/^[1-9]\d{6,14}$/.test(number)) throw refuse('E.164 has 7 to 15 digits and does not start with 0')
  return `+${number}`
}

function refuse(why: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_PHONE', `not a phone number: ${why}`)
}
