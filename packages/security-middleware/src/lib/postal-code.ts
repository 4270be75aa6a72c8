/** A country, by ISO 3166-1 alpha-2, whose postal codes are checked. */
export type PostalCountry =
  | 'AR'
  | 'AT'
  | 'AU'
  | 'BE'
  | 'BG'
  | 'BR'
  | 'CA'
  | 'CH'
  | 'CL'
  | 'CN'
  | 'CY'
  | 'CZ'
  | 'DE'
  | 'DK'
  | 'EE'
  | 'ES'
  | 'FI'
  | 'FR'
  | 'GB'
  | 'GR'
  | 'HR'
  | 'HU'
  | 'IE'
  | 'IL'
  | 'IN'
  | 'IS'
  | 'IT'
  | 'JP'
  | 'KR'
  | 'LI'
  | 'LT'
  | 'LU'
  | 'LV'
  | 'MT'
  | 'MX'
  | 'NL'
  | 'NO'
  | 'NZ'
  | 'PL'
  | 'PT'
  | 'RO'
  | 'RS'
  | 'SE'
  | 'SG'
  | 'SI'
  | 'SK'
  | 'TR'
  | 'TW'
  | 'UA'
  | 'US'
  | 'ZA'

/** Forms by country, after the Universal Postal Union's addressing guides: upper case, one blank where the country writes one. */
const forms: Readonly<Record<PostalCountry, RegExp>> = {
  AR: /^(?:\d{4}|[A-HJ-NP-Z]\d{4}[A-Z]{3})$/,
  AT: /^\d{4}$/,
  AU: /^\d{4}$/,
  BE: /^[1-9]\d{3}$/,
  BG: /^\d{4}$/,
  BR: /^\d{5}-?\d{3}$/,
  CA: /^[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d$/,
  CH: /^[1-9]\d{3}$/,
  CL: /^\d{3}-?\d{4}$/,
  CN: /^\d{6}$/,
  CY: /^\d{4}$/,
  CZ: /^[1-7]\d{2} ?\d{2}$/,
  DE: /^\d{5}$/,
  DK: /^\d{4}$/,
  EE: /^\d{5}$/,
  ES: /^(?:0[1-9]|[1-4]\d|5[0-2])\d{3}$/,
  FI: /^\d{5}$/,
  FR: /^\d{5}$/,
  GB: /^(?:GIR ?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRV-Y]) ?\d[ABD-HJLNP-UW-Z]{2})$/,
  GR: /^\d{3} ?\d{2}$/,
  HR: /^\d{5}$/,
  HU: /^\d{4}$/,
  IE: /^(?:[AC-FHKNPRTV-Y]\d{2}|D6W) ?[0-9AC-FHKNPRTV-Y]{4}$/,
  IL: /^\d{5}(?:\d{2})?$/,
  IN: /^[1-9]\d{2} ?\d{3}$/,
  IS: /^\d{3}$/,
  IT: /^\d{5}$/,
  JP: /^\d{3}-?\d{4}$/,
  KR: /^\d{5}$/,
  LI: /^94(?:8[5-9]|9[0-8])$/,
  LT: /^(?:LT-)?\d{5}$/,
  LU: /^(?:L-)?\d{4}$/,
  LV: /^LV-\d{4}$/,
  MT: /^[A-Z]{3} ?\d{4}$/,
  MX: /^\d{5}$/,
  NL: /^[1-9]\d{3} ?(?!SA|SD|SS)[A-Z]{2}$/,
  NO: /^\d{4}$/,
  NZ: /^\d{4}$/,
  PL: /^\d{2}-\d{3}$/,
  PT: /^\d{4}-\d{3}$/,
  RO: /^\d{6}$/,
  RS: /^\d{5}$/,
  SE: /^\d{3} ?\d{2}$/,
  SG: /^\d{6}$/,
  SI: /^\d{4}$/,
  SK: /^[089]\d{2} ?\d{2}$/,
  TR: /^\d{5}$/,
  TW: /^\d{3}(?:\d{2,3})?$/,
  UA: /^\d{5}$/,
  US: /^\d{5}(?:-\d{4})?$/,
  ZA: /^\d{4}$/,
}

/** The countries whose postal codes are checked. */
export const postalCountries: readonly PostalCountry[] = Object.keys(forms) as PostalCountry[]

/** Whether a text in upper case is a postal code of a country. */
export function isPostalCode(country: PostalCountry, text: string): boolean {
  return forms[country].test(text)
}
