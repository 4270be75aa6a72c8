/** What a value becomes before it is indexed, so that what people write differently is found alike. */
export type Transform = (value: string) => string

/** The ready transforms. Each first brings the text into one Unicode form (NFKC) and trims it. */
export const transforms: Readonly<Record<'exact' | 'lowerCase' | 'digits' | 'lastFour', Transform>> = {
  /** As it is written. */
  exact: (value) => normal(value),
  /** Without regard to case: e-mail addresses, names. */
  lowerCase: (value) => normal(value).toLowerCase(),
  /** Digits only: phone numbers, postcodes, account numbers. */
  digits: (value) => normal(value).replaceAll(/\D/g, ''),
  /** The last four digits. */
  lastFour: (value) => normal(value).replaceAll(/\D/g, '').slice(-4),
}

/** The name of a ready transform. */
export type TransformName = keyof typeof transforms

function normal(value: string): string {
  return value.normalize('NFKC').trim()
}
