/** A VAT scheme: the European Union's members and Northern Ireland (XI), Britain, Switzerland, Norway. */
interface Scheme {
  readonly form: RegExp
  /** The check digits, where the country publishes how they are made. */
  readonly check?: (digits: string) => boolean
}

/** Forms and check digits as the EU's VIES and the national tax offices publish them; the country's prefix is taken off first. */
const schemes: Readonly<Record<string, Scheme>> = {
  AT: { form: /^U\d{8}$/, check: (text) => austria(text.slice(1)) },
  BE: { form: /^[01]\d{9}$/, check: (text) => 97 - (Number(text.slice(0, 8)) % 97) === Number(text.slice(8)) },
  BG: { form: /^\d{9,10}$/ },
  CY: { form: /^\d{8}[A-Z]$/ },
  CZ: { form: /^\d{8,10}$/ },
  DE: { form: /^[1-9]\d{8}$/, check: mod11and10 },
  DK: { form: /^[1-9]\d{7}$/, check: (text) => weighted(text, [2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0 },
  EE: { form: /^10\d{7}$/, check: (text) => weighted(text, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0 },
  EL: {
    form: /^\d{9}$/,
    check: (text) => (weighted(text, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === Number(text[8]),
  },
  ES: { form: /^(?:[A-Z]\d{7}[A-Z0-9]|\d{8}[A-Z])$/ },
  FI: { form: /^\d{8}$/, check: (text) => weighted(text, [7, 9, 10, 5, 8, 4, 2, 1]) % 11 === 0 },
  FR: { form: /^[A-HJ-NP-Z0-9]{2}\d{9}$/, check: france },
  HR: { form: /^\d{11}$/, check: mod11and10 },
  HU: { form: /^\d{8}$/, check: (text) => weighted(text, [9, 7, 3, 1, 9, 7, 3, 1]) % 10 === 0 },
  IE: { form: /^(?:\d{7}[A-W][A-I]?|\d[A-Z+*]\d{5}[A-W])$/ },
  IT: { form: /^\d{11}$/, check: luhn },
  LT: { form: /^(?:\d{9}|\d{12})$/ },
  LU: { form: /^\d{8}$/, check: (text) => Number(text.slice(0, 6)) % 89 === Number(text.slice(6)) },
  LV: { form: /^\d{11}$/ },
  MT: { form: /^\d{8}$/, check: (text) => 37 - (weighted(text, [3, 4, 6, 7, 8, 9]) % 37) === Number(text.slice(6)) },
  NL: { form: /^\d{9}B\d{2}$/, check: netherlands },
  PL: { form: /^\d{10}$/, check: (text) => weighted(text, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === Number(text[9]) },
  PT: {
    form: /^[1-9]\d{8}$/,
    check: (text) => ((11 - (weighted(text, [9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 11) % 10 === Number(text[8]),
  },
  RO: { form: /^[1-9]\d{1,9}$/ },
  SE: { form: /^\d{10}01$/, check: (text) => luhn(text.slice(0, 10)) },
  SI: {
    form: /^[1-9]\d{7}$/,
    check: (text) => (11 - (weighted(text, [8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === Number(text[7]),
  },
  SK: { form: /^[1-9]\d{9}$/, check: (text) => Number(text) % 11 === 0 },
  XI: { form: /^(?:\d{9}|\d{12}|GD[0-4]\d{2}|HA[5-9]\d{2})$/, check: britain },
  GB: { form: /^(?:\d{9}|\d{12}|GD[0-4]\d{2}|HA[5-9]\d{2})$/, check: britain },
  CHE: {
    form: /^\d{9}(?:MWST|TVA|IVA)$/,
    check: (text) => (11 - (weighted(text, [5, 4, 3, 2, 7, 6, 5, 4]) % 11)) % 11 === Number(text[8]),
  },
  NO: {
    form: /^\d{9}MVA$/,
    check: (text) => (11 - (weighted(text, [3, 2, 7, 6, 5, 4, 3, 2]) % 11)) % 11 === Number(text[8]),
  },
}

/** Whether a text without blanks, dots and dashes, in upper case, has the form and the check digits of a VAT number, prefix included. */
export function isVat(text: string): boolean {
  const prefix = text.startsWith('CHE') ? 'CHE' : text.slice(0, 2)
  const scheme = Object.hasOwn(schemes, prefix) ? schemes[prefix] : undefined
  const number = text.slice(prefix.length)
  return scheme !== undefined && scheme.form.test(number) && (scheme.check?.(number) ?? true)
}

function weighted(digits: string, weights: readonly number[]): number {
  return weights.reduce((sum, weight, i) => sum + weight * Number(digits[i]), 0)
}

/** ISO 7064 MOD 11,10. */
function mod11and10(digits: string): boolean {
  let product = 10
  for (const digit of digits.slice(0, -1)) product = (((product + Number(digit)) % 10 || 10) * 2) % 11
  return (11 - product) % 10 === Number(digits.at(-1))
}

function luhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]) * ((i % 2) + 1)
    sum += digit > 9 ? digit - 9 : digit
  }
  return sum % 10 === 0
}

function austria(digits: string): boolean {
  let sum = 4
  for (let i = 0; i < 7; i++) {
    const product = Number(digits[i]) * ((i % 2) + 1)
    sum += product > 9 ? product - 9 : product
  }
  return (10 - (sum % 10)) % 10 === Number(digits[7])
}

function france(text: string): boolean {
  const key = text.slice(0, 2)
  // keys with letters, for later numbers, follow no published rule
  return !/^\d\d$/.test(key) || (12 + 3 * (Number(text.slice(2)) % 97)) % 97 === Number(key)
}

function netherlands(text: string): boolean {
  const digits = text.slice(0, 9)
  if (weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2]) % 11 === Number(digits[8])) return true
  // since 2020 sole traders have numbers with ISO 7064 MOD 97-10 over "NL" and the whole
  let rest = 0
  for (const sign of `NL${text}`) {
    const value = Number.parseInt(sign, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest === 1
}

function britain(text: string): boolean {
  if (!/^\d/.test(text)) return true
  const sum = weighted(text, [8, 7, 6, 5, 4, 3, 2]) + Number(text.slice(7, 9))
  return sum % 97 === 0 || (sum + 55) % 97 === 0
}
