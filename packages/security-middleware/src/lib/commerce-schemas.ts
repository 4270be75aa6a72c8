import { z } from 'zod'

import { isGtin } from './gtin.ts'
import { isIban } from './iban.ts'
import { currencyExponent, toMinorUnits } from './iso4217.ts'
import { integer } from './options.ts'
import { isPostalCode, postalCountries, type PostalCountry } from './postal-code.ts'
import { isVat } from './vat.ts'

/** A schema from unknown input to `Output`. */
export type Schema<Output> = z.ZodType<Output>

/** An amount in the currency's minor unit: 1999 and `EUR` are 19.99 euros, 1999 and `JPY` are 1999 yen. */
export interface Money {
  readonly amount: number
  readonly currency: string
}

/** Bounds of {@link money}. */
export interface MoneyBounds {
  /** The currencies taken. @default every active one of ISO 4217 */
  readonly currencies?: readonly string[]
  /** In minor units. @default 0 */
  readonly min?: number
  /** In minor units. @default 99999999, the largest amount that Stripe takes */
  readonly max?: number
}

/** Whole numbers of minor units with an ISO 4217 currency. */
export function money(bounds: MoneyBounds = {}): Schema<Money> {
  return z.object({ amount: amount(bounds), currency: currency(bounds.currencies) })
}

/** A decimal text with its currency, as people write it, in minor units: `{ amount: '19.99', currency: 'EUR' }` gives 1999. Never through a float. */
export function decimalMoney(bounds: MoneyBounds = {}): Schema<Money> {
  const range = amount(bounds)
  return z.object({ amount: z.string().max(20), currency: currency(bounds.currencies) }).transform((value, context) => {
    const minor = toMinorUnits(value.amount, currencyExponent(value.currency)!)
    const message =
      minor === undefined
        ? `must be a number with at most ${currencyExponent(value.currency)!} decimals`
        : range.safeParse(minor).error?.issues[0]?.message
    if (message !== undefined) context.addIssue({ code: 'custom', message, path: ['amount'] })
    return { amount: minor ?? 0, currency: value.currency }
  })
}

function amount({ min = 0, max = 99_999_999 }: MoneyBounds): z.ZodNumber {
  integer('money.min', min, 0, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
  integer('money.max', max, 0, [min, Number.MAX_SAFE_INTEGER])
  return z.int().min(min).max(max)
}

/** An active ISO 4217 currency, in upper case. */
export function currency(allowed?: readonly string[]): Schema<string> {
  return z
    .string()
    .length(3)
    .transform((text) => text.toUpperCase())
    .refine(
      (code) => currencyExponent(code) !== undefined && (allowed?.includes(code) ?? true),
      'must be a currency that is taken here',
    )
}

/** Text: trimmed, in Unicode NFC, blanks and line breaks collapsed to one blank, without control characters. */
export function text(bounds: { readonly min?: number; readonly max?: number } = {}): Schema<string> {
  const { min = 1, max = 200 } = bounds
  return z
    .string()
    .max(max * 4)
    .transform(collapse)
    .pipe(z.string().min(min).max(max).refine(isClean, 'must not have control characters'))
}

/** Text of several lines: trimmed, in NFC, at most one empty line in a row. */
export function paragraph(bounds: { readonly min?: number; readonly max?: number } = {}): Schema<string> {
  const { min = 1, max = 2000 } = bounds
  return z
    .string()
    .max(max * 4)
    .transform((value) =>
      value
        .normalize('NFC')
        .replace(/\r\n?/g, '\n')
        .split('\n')
        .map(collapse)
        .join('\n')
        .replace(/\n{3,}/g, '\n\n')
        .trim(),
    )
    .pipe(
      z
        .string()
        .min(min)
        .max(max)
        .refine((value) => isClean(value.replaceAll('\n', '')), 'must not have control characters'),
    )
}

/** What people type into a search box: like {@link text}, and empty input is `undefined`. */
export function searchText(bounds: { readonly max?: number } = {}): Schema<string | undefined> {
  return emptyToUndefined(text({ min: 1, max: bounds.max ?? 100 }))
}

/** Blank and missing input becomes `undefined`, as a form's empty field means; anything else goes to the schema. */
export function emptyToUndefined<Output>(schema: Schema<Output>): Schema<Output | undefined> {
  return z.preprocess(
    (value) => (value === null || (typeof value === 'string' && value.trim() === '') ? undefined : value),
    schema.optional(),
  )
}

/** An e-mail address of at most 254 characters, its domain in lower case. */
export function email(): Schema<string> {
  return z
    .string()
    .max(320)
    .transform((value) => value.trim().normalize('NFC'))
    .pipe(z.email().max(254))
    .transform(
      (address) => address.slice(0, address.lastIndexOf('@')) + address.slice(address.lastIndexOf('@')).toLowerCase(),
    )
}

/** A telephone number in E.164: `+` and at most 15 digits. Blanks, dashes, dots and brackets are taken out. */
export function phone(): Schema<string> {
  return compact(
    /[\s().-]/g,
    40,
    (value) => /^\+[1-9]\d{6,14}$/.test(value),
    'must be an international number such as +41446681800',
  )
}

/** An IBAN, without blanks and in upper case. */
export function iban(): Schema<string> {
  return compact(/\s/g, 50, isIban, 'must be an IBAN')
}

/** A VAT number with its country's prefix, without blanks, dots and dashes; form and check digits, not whether it is in force. */
export function vatNumber(): Schema<string> {
  return compact(/[\s.-]/g, 30, isVat, 'must be a VAT number with its country')
}

/** A GTIN with 8, 12, 13 or 14 digits (EAN, UPC, ISBN-13). */
export function gtin(): Schema<string> {
  return compact(/[\s-]/g, 30, isGtin, 'must be a GTIN with a right check digit')
}

/** A stock keeping unit: letters, digits, dots, dashes and underscores, in upper case. */
export function sku(bounds: { readonly max?: number } = {}): Schema<string> {
  const { max = 40 } = bounds
  return compact(
    /^\s+|\s+$/g,
    max + 20,
    (value) => value.length <= max && /^[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?$/.test(value),
    'must be a SKU',
  )
}

/** A postal code of one country. */
export function postalCode(country: PostalCountry): Schema<string> {
  return z
    .string()
    .max(20)
    .transform((value) => collapse(value).toUpperCase())
    .refine((value) => isPostalCode(country, value), `must be a postal code of ${country}`)
}

/** An object's `postalCode` checked by its `country`; a country without a known form takes what letters, digits, blanks and dashes make. */
export function postalAddress(): Schema<{
  readonly name: string
  readonly line1: string
  readonly line2?: string | undefined
  readonly city: string
  readonly postalCode: string
  readonly country: string
}> {
  return z
    .object({
      name: text({ max: 100 }),
      line1: text({ max: 100 }),
      line2: emptyToUndefined(text({ max: 100 })),
      city: text({ max: 100 }),
      postalCode: z
        .string()
        .max(20)
        .transform((value) => collapse(value).toUpperCase()),
      country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166 country such as CH'),
    })
    .refine(
      ({ country, postalCode: code }) =>
        isKnown(country) ? isPostalCode(country, code) : /^[A-Z0-9][A-Z0-9 -]{0,11}$/.test(code),
      {
        path: ['postalCode'],
        message: 'must be a postal code of the country',
      },
    )
}

function isKnown(country: string): country is PostalCountry {
  return (postalCountries as readonly string[]).includes(country)
}

/** Page and size from a query's text. */
export function pagination(
  bounds: { readonly size?: number; readonly most?: number; readonly deepest?: number } = {},
): Schema<{ readonly page: number; readonly size: number }> {
  const { size = 20, most = 100, deepest = 10_000 } = bounds
  const count = (standard: number, max: number): Schema<number> =>
    z
      .union([z.string().regex(/^\d{1,9}$/, 'must be a whole number'), z.int()])
      .transform(Number)
      .pipe(z.int().min(1).max(max))
      .default(standard)
  return z.object({ page: count(1, deepest), size: count(size, most) })
}

function compact(noise: RegExp, longest: number, test: (value: string) => boolean, message: string): Schema<string> {
  return z
    .string()
    .max(longest)
    .transform((value) => value.replace(noise, '').toUpperCase())
    .refine(test, message)
}

function collapse(value: string): string {
  return value.normalize('NFC').replace(/\s+/gu, ' ').trim()
}

function isClean(value: string): boolean {
  // controls, and the marks that turn writing direction around, which can make a text read as another
  return !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(value)
}
