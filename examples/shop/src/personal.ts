import { defaultVault, type FieldContext } from '@shop/crypto'
import { createBlindIndexes, type BlindIndex } from '@shop/crypto/search'

/** Whose value it is; bound into the sealed form. */
interface Owner {
  readonly customer: number
  readonly field: 'phone' | 'address'
}

const place = ({ customer, field }: Owner): FieldContext => ({ table: 'customers', column: field, row: customer })

/** Sealed under `MASTER_ENCRYPTION_KEY`; an absent value stays empty. */
export const sealPersonal = (value: string, owner: Owner): string =>
  value === '' ? '' : defaultVault().encrypt(value, place(owner))

export const openPersonal = (sealed: string, owner: Owner): string =>
  sealed === '' ? '' : defaultVault().decryptString(sealed, place(owner))

/** What equal phone numbers have in common, however they are written: a few bits, that some other numbers share. */
export const phoneIndex = (phone: string): string => index().write({ phone })

/** The indexes a phone number may stand under; what they find is compared once it is opened. */
export const phoneSearch = (phone: string): string[] => index().search({ phone })

export const samePhone = (a: string, b: string): boolean => digits(a) === digits(b)

const digits = (phone: string): string => phone.replace(/\D/g, '').replace(/^00/, '')

let made: BlindIndex | undefined

const index = (): BlindIndex =>
  (made ??= createBlindIndexes({
    keyset: defaultVault().keyset,
    table: 'customers',
    rows: 10_000,
    indexes: { phone: { columns: { phone: digits }, values: 1e9 } },
  }).phone)
