import { MetricsError } from './errors.ts'
import { onlyKnown, texts, whole } from './options.ts'

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
  'rawHeaders',
  'session',
  'sessionId',
  'csrfToken',
  'otp',
  'pin',
  'privateKey',
]

// what ends in a number is a version, as in the paths of pnpm
const EMAIL = /(?<![\w.!#$%'*+^`{|}~-])[\w.!#$%'*+^`{|}~-]+@(?:[a-zA-Z0-9-]{1,63}\.)+[a-zA-Z][a-zA-Z0-9-]{0,62}/g
const BEARER = /\b(bearer|basic)\s+[\w.~+/=-]{8,}/gi
const HEADER = /^((?:proxy-)?authorization|(?:set-)?cookie): [^\r\n]+/gim
// a UUID is found as a whole, for digits of it may pass for a card's
const DIGITS = /\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|\b\d(?:[ -]?\d){12,18}\b/gi
const UUID_LENGTH = 36
// times in micro- and nanoseconds begin with 1, which no shop's card does
const CARD_AS_NUMBER = /^[2-6]\d{13,18}$/
const PARAMETER = /(?<![\w.-])([\w.-]{1,64})=[^&\s"'<>#]+/g
const URL_PASSWORD = /(:\/\/[^\s:@/]*:)[^\s@/]+(?=@)/g
const ENTRIES = 200
const VALUES = 10_000
const NAMES = 1000

interface Rules {
  readonly censor: string
  readonly deepest: number
  /** Plain names. */
  readonly hidden: ReadonlySet<string>
  /** Answers of {@link hides}, whose callers ask for the same names again and again. */
  readonly asked: Map<string, boolean>
}

/** Which fields of the outermost object stay as they are. */
type Stays = (name: string, value: unknown) => boolean

interface Walk {
  readonly rules: Rules
  /** Whether texts and numbers are looked into; otherwise fields only. */
  readonly inside: boolean
  readonly stays: Stays
  /** The objects above the value. */
  readonly path: object[]
  /** How many values may follow. */
  left: number
}

/** The two steps of redacting what somebody else makes a text of. */
export interface Redaction {
  /** Takes out personal fields, while their names are known, and what could not be written; texts stay. */
  readonly fields: (value: unknown, stays?: Stays) => unknown
  /** Does all that {@link redactor} does. */
  readonly all: (value: unknown) => unknown
}

/**
 * Makes a function that copies a value without what is personal: fields by name at any depth, and inside texts mail
 * addresses, card numbers (by their check digit), bearer tokens, passwords of URLs and parameters named like a field.
 * Errors keep name, code and stack, all cleaned. The value itself is never changed, and never makes the function throw:
 * what cannot be read becomes `[unreadable]`.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION
 */
export function redactor(options: RedactOptions = {}): (value: unknown) => unknown {
  return redaction(options).all
}

/** Both steps of {@link redactor}. */
export function redaction(options: RedactOptions): Redaction {
  const rules = readRules(options)
  const walk = (value: unknown, inside: boolean, stays: Stays) =>
    part([value], 0, { rules, inside, stays, path: [], left: VALUES }, -1)
  return {
    fields: (value, stays = none) => walk(value, false, stays),
    all: (value) => walk(value, true, none),
  }
}

const none: Stays = () => false

function readRules(options: RedactOptions): Rules {
  onlyKnown('redactor()', options, ['fields', 'show', 'censor', 'maxDepth'])
  const { censor = '[redacted]' } = options
  if (typeof censor !== 'string') {
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `redactor(): censor ${String(censor)} is not a text`)
  }
  const deepest = whole('redactor(): maxDepth', options.maxDepth, 8, 1, 100)
  const fields = texts('redactor(): fields', options.fields, [])
  const shown = new Set(texts('redactor(): show', options.show, []).map(plain))
  const hidden = new Set([...PERSONAL_FIELDS, ...fields].map(plain).filter((name) => !shown.has(name)))
  for (const name of shown) {
    if (PERSONAL_FIELDS.some((known) => plain(known) === name)) continue
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `redactor(): show ${JSON.stringify(name)} is not a field of the built-in list`,
    )
  }
  return { censor, deepest, hidden, asked: new Map() }
}

/** One value of an object or list. Whatever is read of it may be a getter, a `toJSON` or a Proxy, and throw. */
function part(of: object, name: string | number, walk: Walk, depth: number): unknown {
  if (walk.left-- <= 0) return '[more]'
  try {
    const value = (of as Record<string | number, unknown>)[name]
    if (typeof name === 'string') {
      if (depth === 0 && walk.stays(name, value)) return value
      if (value !== undefined && value !== null && hides(name, walk.rules)) return walk.rules.censor
    }
    return clean(value, walk, depth + 1)
  } catch {
    return '[unreadable]'
  }
}

function clean(value: unknown, walk: Walk, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return walk.inside ? cleanPlain(value, walk.rules) : value
  if (depth > walk.rules.deepest) return '[deeper]'
  const { path } = walk
  path.length = depth
  if (path.includes(value)) return '[circular]'
  path.push(value)
  if (value instanceof Error) return cleanError(value, walk, depth)
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (Array.isArray(value) || value instanceof Set) {
    const items = first(value)
    return items.map((_, i) => part(items, i, walk, depth))
  }
  if (value instanceof Map) return cleanFields(Object.fromEntries(first(value)), walk, depth)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return clean((value as { toJSON(): unknown }).toJSON(), walk, depth + 1)
  return cleanFields(value, walk, depth)
}

function first<T>(items: Iterable<T>): T[] {
  const list: T[] = []
  for (const item of items) if (list.push(item) === ENTRIES) break
  return list
}

function cleanFields(
  value: object,
  walk: Walk,
  depth: number,
  copy: Record<string, unknown> = {},
): Record<string, unknown> {
  for (const name of Object.keys(value).slice(0, ENTRIES)) {
    copy[walk.inside ? cleanText(name, walk.rules) : name] = part(value, name, walk, depth)
  }
  return copy
}

function cleanError(error: Error, walk: Walk, depth: number): Record<string, unknown> {
  // without a prototype, so that pino's serializer takes the type from the name
  const copy = cleanFields(error, walk, depth, Object.create(null) as Record<string, unknown>)
  const type = part(error, 'name', walk, depth)
  const more = {
    type,
    message: part(error, 'message', walk, depth),
    stack: part(error, 'stack', walk, depth),
    ...(error.cause !== undefined && { cause: part(error, 'cause', walk, depth) }),
    // under the name it has with pino
    ...(error instanceof AggregateError && { aggregateErrors: part(error, 'errors', walk, depth) }),
  }
  return Object.defineProperty(Object.assign(copy, more), 'name', { value: type, enumerable: false })
}

function hides(name: string, { hidden, asked }: Rules): boolean {
  const known = asked.get(name)
  if (known !== undefined) return known
  const is = hidden.has(plain(name))
  if (asked.size < NAMES) asked.set(name, is)
  return is
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_\s]/g, '')
}

function cleanPlain(value: unknown, rules: Rules): unknown {
  if (typeof value === 'string') return cleanText(value, rules)
  if (typeof value === 'number') return value > 2e13 && isCardNumber(String(value)) ? rules.censor : value
  if (typeof value !== 'bigint') return value
  if (isCardNumber(String(value))) return rules.censor
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
}

/** A text without what is personal in it. */
function cleanText(text: string, { censor, hidden }: Rules): string {
  if (text.length < 5) return text
  let clean = text
  if (clean.includes('=')) {
    clean = clean.replaceAll(PARAMETER, (all, name: string) => (hidden.has(plain(name)) ? `${name}=${censor}` : all))
  }
  if (clean.includes('@')) {
    clean = clean.replaceAll(URL_PASSWORD, (_, user: string) => user + censor).replaceAll(EMAIL, () => censor)
  }
  if (clean.length < 13) return clean
  if (/bearer|basic|authorization|cookie/i.test(clean)) {
    clean = clean
      .replaceAll(HEADER, (_, name: string) => `${name}: ${censor}`)
      .replaceAll(BEARER, (_, scheme: string) => `${scheme} ${censor}`)
  }
  return clean.replaceAll(DIGITS, (digits) => (digits.length !== UUID_LENGTH && isCard(digits) ? censor : digits))
}

function isCardNumber(digits: string): boolean {
  return CARD_AS_NUMBER.test(digits) && isCard(digits)
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
