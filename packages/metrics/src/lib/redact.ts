import { MetricsError } from './errors.ts'
import { onlyKnown, whole } from './options.ts'

/** What {@link redactor} takes. */
export interface RedactOptions {
  /** Further field names; case, `_` and `-` do not matter. @default [] */
  readonly fields?: readonly string[]
  /** Field names of the built-in list that may be shown. @default [] */
  readonly show?: readonly string[]
  /** What stands for a redacted value. @default '[redacted]' */
  readonly censor?: string
  /** How deep objects are followed; what is deeper is left out. @default 8 */
  readonly maxDepth?: number
}

/** Fields of persons, secrets and cards, as a shop's code names them. */
export const PERSONAL_FIELDS: readonly string[] = [
  'email',
  'mail',
  'emailAddress',
  'phone',
  'phoneNumber',
  'mobile',
  'firstName',
  'lastName',
  'fullName',
  'givenName',
  'familyName',
  'surname',
  'customerName',
  'address',
  'street',
  'postalCode',
  'zip',
  'zipCode',
  'birthday',
  'birthDate',
  'dateOfBirth',
  'iban',
  'bic',
  'accountNumber',
  'card',
  'cardNumber',
  'pan',
  'cvc',
  'cvv',
  'taxId',
  'vatId',
  'ssn',
  'passport',
  'ip',
  'ipAddress',
  'remoteAddress',
  'password',
  'passwd',
  'secret',
  'clientSecret',
  'token',
  'accessToken',
  'refreshToken',
  'apiKey',
  'authorization',
  'proxyAuthorization',
  'cookie',
  'setCookie',
  'session',
  'sessionId',
  'csrfToken',
  'otp',
  'pin',
  'privateKey',
]

const EMAIL = /[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-zA-Z0-9-]{1,63}(?:\.[a-zA-Z0-9-]{1,63})+/g
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi
const DIGITS = /\b\d(?:[ -]?\d){12,18}\b/g
const ENTRIES = 200

/**
 * Makes a function that copies a value without what is personal: fields by name at any depth, and mail addresses,
 * card numbers (by their check digit) and bearer tokens inside texts. Errors keep name, code and stack, all cleaned.
 * The value itself is never changed.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION
 */
export function redactor(options: RedactOptions = {}): (value: unknown) => unknown {
  onlyKnown('redactor()', options, ['fields', 'show', 'censor', 'maxDepth'])
  const { fields = [], show = [], censor = '[redacted]' } = options
  const deepest = whole('redactor(): maxDepth', options.maxDepth, 8, 1, 100)
  const shown = new Set(show.map(plain))
  const hidden = new Set([...PERSONAL_FIELDS, ...fields].map(plain).filter((name) => !shown.has(name)))
  for (const name of shown) {
    if (PERSONAL_FIELDS.some((known) => plain(known) === name)) continue
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `redactor(): show ${JSON.stringify(name)} is not a field of the built-in list`,
    )
  }

  function clean(value: unknown, depth: number, above: readonly object[]): unknown {
    if (typeof value === 'string') return cleanText(value, censor)
    if (typeof value !== 'object' || value === null) return value
    if (depth > deepest) return '[deeper]'
    if (above.includes(value)) return '[circular]'
    const path = [...above, value]
    if (value instanceof Error) return cleanError(value, (part) => clean(part, depth + 1, path))
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    if (Array.isArray(value)) return value.slice(0, ENTRIES).map((item) => clean(item, depth + 1, path))
    if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
      return clean((value as { toJSON(): unknown }).toJSON(), depth + 1, path)
    const entries =
      value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value)
    const copy: Record<string, unknown> = {}
    for (const [name, item] of entries.slice(0, ENTRIES)) {
      copy[name] =
        hidden.has(plain(name)) && item !== undefined && item !== null ? censor : clean(item, depth + 1, path)
    }
    return copy
  }

  return (value) => clean(value, 0, [])
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '')
}

/** A text without mail addresses, card numbers and bearer tokens. */
function cleanText(text: string, censor: string): string {
  if (text.length < 8) return text
  let clean = text
  if (clean.includes('@')) clean = clean.replaceAll(EMAIL, censor)
  if (/bearer|basic/i.test(clean)) clean = clean.replaceAll(BEARER, `$1 ${censor}`)
  return clean.replaceAll(DIGITS, (digits) => (isCard(digits) ? censor : digits))
}

/** Luhn's check digit (ISO/IEC 7812-1), which a random number passes one time in ten. */
function isCard(text: string): boolean {
  const digits = text.replaceAll(/\D/g, '')
  let sum = 0
  for (const [i, digit] of [...digits].toReversed().entries()) {
    const value = Number(digit) * (i % 2 === 1 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

function cleanError(error: Error, clean: (value: unknown) => unknown): Record<string, unknown> {
  const { name, message, stack, cause } = error
  // without a prototype, so that pino's serializer takes the type from the name
  const copy: Record<string, unknown> = Object.assign(Object.create(null), clean({ ...error }), {
    type: name,
    message: clean(message),
    stack: clean(stack),
    ...(cause === undefined ? {} : { cause: clean(cause) }),
  })
  return Object.defineProperty(copy, 'name', { value: name, enumerable: false })
}
