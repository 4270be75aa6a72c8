/** What stands in the trail where a secret stood. */
export const REDACTED = '[redacted]'

const secretWords: ReadonlySet<string> = new Set(
  'password passwd pwd passphrase secret token cookie authorization cvv cvc cvn csc otp pin credentials pan apikey privatekey'.split(
    ' ',
  ),
)
const secretPairs: ReadonlySet<string> = new Set(
  'api key|private key|access key|secret key|signing key|encryption key|session id|card number|security code|set cookie'.split(
    '|',
  ),
)

/** Forms no field name can excuse: a JWT, a bearer or basic header, a PEM private key, a vendor's live key. */
const secretValue =
  /\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|\b(?:Bearer|Basic) [\w+/=.~-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b(?:[sr]k_live|ghp|gho|xox[abp])[_-]\w{10,}|\bAKIA[0-9A-Z]{16}\b/

const cardShape = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g
const cardPrefix = /^(?:4|5[1-5]|2[2-7]|3[4-9]|30[0-5]|6[0245])/

/** Whether a field of this name holds a secret: the last word decides, so `tokenCount` passes and `resetToken` does not. */
export function isSecretName(name: string): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean)
  const last = words.at(-1) ?? ''
  return secretWords.has(last) || secretPairs.has(`${words.at(-2) ?? ''} ${last}`)
}

/** Whether the text has the shape of a secret, or contains a payment card's number (issuer prefix and Luhn digit). */
export function isSecretValue(text: string): boolean {
  if (text.length < 13) return false
  return secretValue.test(text) || (text.match(cardShape)?.some(isCard) ?? false)
}

function isCard(shape: string): boolean {
  const digits = shape.replace(/\D/g, '')
  if (!cardPrefix.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return sum % 10 === 0
}

/** A copy with every secret replaced, and how many there were. Strings are made storable: well-formed, without U+0000. */
export class Redactor {
  readonly #allowed: ReadonlySet<string>
  count = 0

  constructor(allowed: ReadonlySet<string>) {
    this.#allowed = allowed
  }

  /** Cleans a value that stands under `name`. */
  clean(value: unknown, name: string): unknown {
    if (value !== undefined && value !== null && isSecret(name) && !this.#allowed.has(name)) {
      this.count++
      return REDACTED
    }
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') return value > 1e12 && isSecretValue(String(value)) ? this.#redacted() : value
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value)) return value.map((one: unknown) => this.clean(one, ''))
    const proto: unknown = Object.getPrototypeOf(value)
    if (proto !== Object.prototype && proto !== null) return value // canonicalize refuses it with its path
    const out: Record<string, unknown> = {}
    for (const [key, member] of Object.entries(value)) out[this.text(key)] = this.clean(member, key)
    return out
  }

  /** Cleans free text. */
  text(value: string): string {
    if (isSecretValue(value)) return this.#redacted()
    return storable(value)
  }

  #redacted(): string {
    this.count++
    return REDACTED
  }
}

/** PostgreSQL stores no U+0000 and canonical JSON no lone surrogate: both become U+FFFD. */
export function storable(text: string): string {
  const formed = text.isWellFormed() ? text : text.toWellFormed()
  return formed.includes('\0') ? formed.replaceAll('\0', '\ufffd') : formed
}

const names = new Map<string, boolean>()

/** {@link isSecretName}, remembered: a trail sees the same few hundred names again and again. */
function isSecret(name: string): boolean {
  const before = names.get(name)
  if (before !== undefined) return before
  if (names.size >= 4096) names.clear()
  const secret = name !== '' && isSecretName(name)
  names.set(name, secret)
  return secret
}
