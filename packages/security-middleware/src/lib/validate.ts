import { isUtf8 } from 'node:buffer'

import { type Policy, requestKey, type RequestView, type Verdict } from '@shop/middleware'

import { type ContentEncoding, decoded, isEncoding } from './content-decoding.ts'
import { SecurityError } from './errors.ts'
import { inspectJson, isForbiddenKey, type JsonLimits, jsonScanner } from './json-limits.ts'
import { integer, knownOptions, oneOf } from './options.ts'
import { templateReader } from './path-pattern.ts'
import { isStandardSchema, type OutputOf, type StandardResult, type StandardSchema } from './standard-schema.ts'
import { parseUrlencoded, type Repeated, type UrlencodedRules } from './urlencoded.ts'
import { type Fault, faults, invalid, type RequestPart } from './validation-problem.ts'

/** Bounds that are checked before anything is parsed. */
export interface ValidationLimits extends Partial<JsonLimits> {
  /** Bytes of the body, also after decompression. @default 102400 */
  readonly bytes?: number
  /** Objects and arrays within one another. @default 20 */
  readonly depth?: number
  /** Members of all objects of the body; pairs of a form or a query. @default 1000 */
  readonly keys?: number
  /** Elements of one array, or of one repeated parameter. @default 1000 */
  readonly elements?: number
}

/** Options of {@link validate}. Each schema is a zod schema or any other Standard Schema. */
export interface ValidateOptions<Body = undefined, Query = undefined, Params = undefined, Headers = undefined> {
  readonly body?: Body
  /** Gets an object of text values, decoded. */
  readonly query?: Query
  /** Gets the values of the `:names` of `route`, decoded. */
  readonly params?: Params
  /** Gets an object of the headers, names in lower case. */
  readonly headers?: Headers
  /** The requests this is about: a path pattern with an optional method, `'POST /orders/:id'`. @default every request it is mounted on */
  readonly route?: string
  /** Kinds of body. @default ['json', 'form'] */
  readonly accepts?: readonly ('json' | 'form')[]
  readonly limits?: ValidationLimits
  /** A parameter or form field that comes twice. @default 'refuse' */
  readonly repeated?: Repeated
  /** Parameters and form fields that are lists: always an array of text. @default none */
  readonly lists?: readonly string[]
  /** A JSON member that is written twice; `last` is what JSON.parse keeps. @default 'refuse' */
  readonly duplicateKeys?: 'refuse' | 'last'
  /** Content encodings that are undone, within `limits.bytes`. @default none, a compressed body is refused */
  readonly encodings?: readonly ContentEncoding[]
}

/** What came out of the schemas; a part without a schema is `undefined`. */
export interface Validated<Body = unknown, Query = unknown, Params = unknown, Headers = unknown> {
  readonly body: Body
  readonly query: Query
  readonly params: Params
  readonly headers: Headers
}

type Part = StandardSchema | undefined

/** What was validated of a request, the last first: a router's policy and the application's may both have been at it. */
interface Entry {
  readonly policy: object
  readonly validated: Validated
  readonly before: Entry | undefined
}
const entries = requestKey<Entry>()

/**
 * The validated input of a request: of the policy given, typed by its schemas, else of the last one that ran.
 * @throws ERR_SHOP_SECURITY_NOT_VALIDATED
 * @example const { body } = valid(req, order)
 */
export function valid<Result>(request: object, policy: Validation<Result>): Result
export function valid(request: object): Validated
export function valid(request: object, policy?: Validation<unknown>): unknown {
  let entry = entries.get(request)
  while (policy !== undefined && entry !== undefined && entry.policy !== policy) entry = entry.before
  if (entry) return entry.validated
  throw new SecurityError(
    'ERR_SHOP_SECURITY_NOT_VALIDATED',
    'valid() was asked about a request that the policy has not let through; is it in protect(...), and does its route match?',
  )
}

/** The policy of {@link validate}, typed by what its schemas give. */
export interface Validation<Result> extends Policy {
  /** Only a type: what {@link valid} gives for this policy. */
  readonly traits: NonNullable<Policy['traits']> & { readonly validates?: Result }
}

/**
 * Parses and validates requests. Bytes, depth, members and elements are bounded before parsing; `__proto__`,
 * `constructor` and `prototype` are refused as names; repeated names are refused unless you say otherwise. What is
 * wrong is answered as 422 problem+json with a JSON Pointer an issue. Nothing is written on the request: a handler
 * asks {@link valid}.
 *
 * Without a body schema JSON and form bodies are still held to the limits, and others pass.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_PATTERN
 * @example
 * const order = validate({ body: z.object({ sku: sku(), quantity: z.int().min(1).max(99) }) })
 * app.post('/orders', protect(order), (req, res) => res.json(valid(req, order).body))
 */
export function validate<
  Body extends Part = undefined,
  Query extends Part = undefined,
  Params extends Part = undefined,
  Headers extends Part = undefined,
>(
  options: ValidateOptions<Body, Query, Params, Headers> = {},
): Validation<Validated<OutputOf<Body>, OutputOf<Query>, OutputOf<Params>, OutputOf<Headers>>> {
  const rules = compile(options)

  function evaluate(request: RequestView): Verdict | undefined | Promise<Verdict | undefined> {
    const params = rules.match(request)
    if (params === undefined) return undefined
    if (params === 'encoding') return { deny: faults.encoding }
    const query = parseUrlencoded(request.query, rules.pairs)
    if ('fault' in query) return { deny: faults[query.fault] }
    const check = (body: unknown): Verdict | undefined | Promise<Verdict | undefined> => {
      const input = { body, query: query.values, params, headers: options.headers && headersOf(request) }
      return finish(request, input, {}, 0)
    }
    if (!hasBody(request)) return check(undefined)
    return readBody(request, rules, check)
  }

  /** One part after the other, waiting only for a schema that waits. */
  function finish(
    request: RequestView,
    input: Validated,
    output: Record<string, unknown>,
    from: number,
  ): Verdict | undefined | Promise<Verdict | undefined> {
    for (let i = from; i < rules.parts.length; i++) {
      const [part, schema] = rules.parts[i]!
      const result = schema['~standard'].validate(input[part])
      if (result instanceof Promise) {
        return result.then((late) => accept(part, late, output) ?? finish(request, input, output, i + 1))
      }
      const refused = accept(part, result, output)
      if (refused) return refused
    }
    entries.set(request, { policy, validated: output as unknown as Validated, before: entries.get(request) })
    return undefined
  }

  const policy = {
    name: options.route === undefined ? 'validate' : `validate ${options.route}`,
    evaluate,
    traits: { after: ['csrf', 'trusted-origins', 'rate-limit'] },
  }
  return policy
}

function accept(
  part: RequestPart,
  result: StandardResult<unknown>,
  output: Record<string, unknown>,
): Verdict | undefined {
  if (result.issues) return { deny: invalid(part, result.issues) }
  output[part] = result.value
  return undefined
}

interface Rules {
  readonly parts: readonly (readonly [RequestPart, StandardSchema])[]
  readonly required: boolean
  readonly bytes: number
  readonly scan: ReturnType<typeof jsonScanner>
  readonly pairs: UrlencodedRules
  readonly json: boolean
  readonly form: boolean
  readonly duplicates: boolean
  readonly encodings: readonly ContentEncoding[]
  /** The params when the request is one of this policy's. */
  readonly match: (request: RequestView) => Record<string, string> | 'encoding' | undefined
}

const parts = ['params', 'query', 'headers', 'body'] as const satisfies readonly RequestPart[]

function compile(options: ValidateOptions<Part, Part, Part, Part>): Rules {
  knownOptions('validate()', options, [
    ...parts,
    'route',
    'accepts',
    'limits',
    'repeated',
    'lists',
    'duplicateKeys',
    'encodings',
  ])
  const { limits = {}, accepts = ['json', 'form'], encodings = [], lists = [] } = options
  knownOptions('limits', limits, ['bytes', 'depth', 'keys', 'elements'])
  for (const part of parts) {
    if (options[part] === undefined || isStandardSchema(options[part])) continue
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      `${part} is no Standard Schema (version 1); zod 3.24 and later, valibot and arktype make them.`,
    )
  }
  if (options.params && options.route === undefined) {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'params needs route, the template that names them: "/orders/:id".',
    )
  }
  for (const kind of accepts) oneOf('accepts', kind, 'json', ['json', 'form'])
  for (const encoding of encodings) oneOf('encodings', encoding, 'gzip', ['gzip', 'deflate', 'br'])
  const json: JsonLimits = {
    depth: integer('limits.depth', limits.depth, 20, [1, 1000]),
    keys: integer('limits.keys', limits.keys, 1000, [1, 1_000_000]),
    elements: integer('limits.elements', limits.elements, 1000, [1, 1_000_000]),
  }
  return {
    parts: parts.flatMap((part) => (options[part] ? [[part, options[part]] as const] : [])),
    required: options.body !== undefined,
    bytes: integer('limits.bytes', limits.bytes, 102_400, [1, 64 * 1_048_576]),
    scan: jsonScanner(json),
    pairs: {
      keys: json.keys,
      elements: json.elements,
      repeated: oneOf('repeated', options.repeated, 'refuse', ['refuse', 'first', 'last', 'list']),
      lists: new Set(lists),
    },
    json: accepts.includes('json'),
    form: accepts.includes('form'),
    duplicates: oneOf('duplicateKeys', options.duplicateKeys, 'refuse', ['refuse', 'last']) === 'last',
    encodings,
    match: matcherOf(options.route),
  }
}

const everyRequest = {}

function matcherOf(route: string | undefined): Rules['match'] {
  if (route === undefined) return () => everyRequest
  const at = route.indexOf(' ')
  const method = at === -1 ? undefined : route.slice(0, at)
  const read = templateReader('route', route.slice(at + 1))
  return (request) => {
    if (method !== undefined && request.method !== method) return undefined
    try {
      return read(request.path)
    } catch {
      return 'encoding'
    }
  }
}

/** HTTP/2 needs neither of HTTP/1's two headers for a body: there a content type is what tells. */
function hasBody(request: RequestView): boolean {
  const length = request.header('content-length')
  if (length !== undefined) return length !== '0'
  if (request.header('transfer-encoding') !== undefined) return true
  return request.header('content-type') !== undefined && request.method !== 'GET' && request.method !== 'HEAD'
}

type Read = { readonly value: unknown } | { readonly fault: Fault }
type Decision = Verdict | undefined | Promise<Verdict | undefined>

/** Reads the body if it is of a kind that is taken, and goes on with its value; one turn of the microtask queue where the bytes are there. */
function readBody(request: RequestView, rules: Rules, check: (body: unknown) => Decision): Decision {
  const kind = kindOf(request.header('content-type') ?? '', rules)
  if (kind === undefined) return rules.required ? { deny: faults.type } : check(undefined)
  const encoding = request.header('content-encoding')
  const settle = (bytes: Uint8Array): Decision => {
    const read = parse(bytes, kind, rules)
    return 'fault' in read ? { deny: faults[read.fault] } : check(read.value)
  }
  if (encoding === undefined || encoding === 'identity') return request.bytes(rules.bytes).then(settle)
  if (!isEncoding(encoding, rules.encodings)) return { deny: faults.compression }
  return request
    .bytes(rules.bytes)
    .then((bytes) => decoded(bytes, encoding, rules.bytes))
    .then((plain) => (typeof plain === 'string' ? { deny: faults[plain] } : settle(plain)))
}

function kindOf(type: string, rules: Rules): 'json' | 'form' | undefined {
  if (rules.json && type === 'application/json') return 'json'
  const charset = /;\s*charset="?([\w-]+)/i.exec(type)?.[1]
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) return undefined
  if (rules.json && /^application\/(?:json|[\w.!#$&^+-]+\+json)\s*(?:;|$)/i.test(type)) return 'json'
  return rules.form && /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type) ? 'form' : undefined
}

function parse(bytes: Uint8Array, kind: 'json' | 'form', rules: Rules): Read {
  if (!isUtf8(bytes)) return { fault: 'encoding' }
  if (kind === 'json') return parseJson(bytes, rules)
  const form = parseUrlencoded(textOf(bytes), rules.pairs)
  return 'fault' in form ? form : { value: form.values }
}

function parseJson(bytes: Uint8Array, rules: Rules): Read {
  if (bytes.byteLength === 0) return { value: undefined }
  const shape = rules.scan(bytes)
  if (typeof shape === 'string') return { fault: shape }
  const text = textOf(bytes)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { fault: 'malformed' }
  }
  const fault = inspectJson(text, value, shape, rules.duplicates)
  return fault ? { fault } : { value }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function headersOf(request: RequestView): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!.toLowerCase()
    if (!isForbiddenKey(name)) headers[name] = request.header(name) ?? ''
  }
  return headers
}
