import type { FieldContext } from './context.ts'
import { CryptoError } from './errors.ts'
import { normalisePhone } from './phone.ts'
import type { PhoneOptions } from './phone.ts'
import { defaultVault } from './vault.ts'
import type { Token, Vault } from './vault.ts'

/** A postal address. */
export interface Address {
  readonly line1: string
  readonly line2?: string
  readonly postalCode?: string
  readonly city: string
  readonly region?: string
  /** ISO 3166-1 alpha-2. */
  readonly country: string
}

/** Personal data of any shape that JSON carries. */
export type PersonalData = Readonly<Record<string, unknown>>

/** Which vault a helper uses. @default the default vault, of `MASTER_ENCRYPTION_KEY` */
export interface HelperOptions {
  readonly vault?: Vault | undefined
}

/** Encrypts a phone number in E.164, so that one number has one plaintext. @throws ERR_SHOP_CRYPTO_PHONE and as `Vault.encrypt` */
export function encryptPhone(
  phone: string,
  context: FieldContext,
  options: HelperOptions & PhoneOptions = {},
): Token<string> {
  return vaultOf(options).encrypt(normalisePhone(phone, options), context)
}

/** The phone number in E.164. @throws DecryptionError */
export function decryptPhone(token: string, context: FieldContext, options: HelperOptions = {}): string {
  return vaultOf(options).decryptString(token, context)
}

/** Encrypts an address with its spaces tidied and its country in capitals. @throws ERR_SHOP_CRYPTO_VALUE and as `Vault.encrypt` */
export function encryptAddress(address: Address, context: FieldContext, options: HelperOptions = {}): Token<Address> {
  for (const name of ['line1', 'city', 'country'] as const) {
    if (typeof address?.[name] !== 'string' || address[name].trim() === '') throw refuse(`an address without ${name}`)
  }
  const tidy = Object.fromEntries(
    Object.entries(address).map(([name, value]) => [
      name,
      typeof value === 'string' ? value.trim().replaceAll(/\s+/g, ' ') : value,
    ]),
  ) as unknown as Address
  return vaultOf(options).encrypt({ ...tidy, country: tidy.country.toUpperCase() }, context) as string as Token<Address>
}

/** @throws DecryptionError */
export function decryptAddress(token: string, context: FieldContext, options: HelperOptions = {}): Address {
  return vaultOf(options).decrypt(token as Token<Address>, context)
}

/** Encrypts an object of personal data as a whole. @throws ERR_SHOP_CRYPTO_VALUE and as `Vault.encrypt` */
export function encryptPersonalData<T extends PersonalData>(
  data: T,
  context: FieldContext,
  options: HelperOptions = {},
): Token<T> {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) throw refuse('personal data that is no object')
  return vaultOf(options).encrypt(data as PersonalData, context) as string as Token<T>
}

/** @throws DecryptionError */
export function decryptPersonalData<T extends PersonalData>(
  token: Token<T> | string,
  context: FieldContext,
  options: HelperOptions = {},
): T {
  return vaultOf(options).decrypt(token as Token<T>, context)
}

function vaultOf({ vault }: HelperOptions): Vault {
  return vault ?? defaultVault()
}

function refuse(what: string): CryptoError {
  return new CryptoError('ERR_SHOP_CRYPTO_VALUE', `cannot encrypt ${what}`)
}
