import { type Policy, requestKey, type RequestKey, type Verdict } from '@shop/middleware'

import { SecurityError } from './errors.ts'
import { sanitized } from './events.ts'
import { type FieldKind, type FieldSchema, type FieldTree, fieldTree, fieldTreeOf } from './field-kinds.ts'
import { htmlSanitizer, type HtmlSanitizer, type HtmlSanitizerOptions, type SanitizedHtml } from './html-sanitizer.ts'
import { knownOptions, oneOf } from './options.ts'

/** Options of {@link sanitizeInput}. */
export interface SanitizeInputOptions {
  /** Which fields of the body hold HTML: `{ 'review.body': 'html' }`; a field not named is text. @default none */
  readonly fields?: Readonly<Record<string, FieldKind>>
  /** The same from a JSON Schema whose HTML fields say `contentMediaType: 'text/html'`. @default none */
  readonly schema?: FieldSchema
  /**
   * `declared` sanitises the HTML fields and leaves every other exactly as sent. `every-string` treats all strings as HTML, as
   * older middlewares did: whatever looks like a tag is lost from names and messages. @default 'declared'
   */
  readonly mode?: 'declared' | 'every-string'
  /** What may stay, and the limits. @default the 'review' list, 65536 characters a field */
  readonly html?: HtmlSanitizerOptions
}

const bodies: RequestKey<unknown> = requestKey<unknown>()

/** The body after sanitising, on every framework. On Hono and node:http the application parses the body itself, and would see it as sent. */
export const sanitizedBody = (request: object): unknown => bodies.get(request)

const tooMuch: Verdict = {
  deny: { status: 422, code: 'markup-too-complex', title: 'A text field holds more markup than can be sanitised' },
}

/**
 * Sanitises the HTML fields of a parsed body, in place, before the handler and before validation ({@link sanitizedBody} gives it
 * where the application parses bodies itself). All other fields stay as sent:
 * `AT&T` stays `AT&T`, for text is encoded when it is written into a page, not when it is read. A fragment beyond the limits is
 * refused with 422. What was removed is told on the `sanitized` channel, as names and a count.
 *
 * @throws ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_UNKNOWN_OPTION
 * @example app.use('/reviews', protect(sanitizeInput({ fields: { body: 'html' } })))
 */
export function sanitizeInput(options: SanitizeInputOptions = {}): Policy & Disposable {
  knownOptions('sanitizeInput()', options, ['fields', 'schema', 'mode', 'html'])
  if (options.fields && options.schema)
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'sanitizeInput() takes fields or schema, not both.')
  const every = oneOf('mode', options.mode, 'declared', ['declared', 'every-string']) === 'every-string'
  const tree = options.fields ? fieldTreeOf(options.fields) : fieldTree(options.schema)
  const sanitizer = htmlSanitizer(options.html)

  return {
    name: 'sanitize-input',
    inspect(request) {
      bodies.set(request, request.body)
      const slots: Slot[] = []
      collect(request.body, tree, every, '', 0, slots)
      return slots.length === 0 ? undefined : clean(slots, sanitizer)
    },
    traits: { before: ['validate'] },
    [Symbol.dispose]: () => sanitizer[Symbol.dispose](),
  }
}

/** A string of the body that is HTML, and how to put another in its place. */
interface Slot {
  readonly holder: Record<string | number, unknown>
  readonly key: string | number
  readonly name: string
}

function collect(
  value: unknown,
  field: FieldTree | undefined,
  every: boolean,
  name: string,
  depth: number,
  slots: Slot[],
): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || depth > 64) return
  const holder = value as Record<string, unknown>
  const isArray = Array.isArray(value)
  if (!every && field?.properties.size === 0 && field.items === undefined) return
  for (const key of Object.keys(holder)) {
    const child = isArray ? field?.items : field?.properties.get(key)
    const path = isArray ? `${name}[]` : name === '' ? key : `${name}.${key}`
    const inner = holder[key]
    if (typeof inner === 'string') {
      if (inner.includes('<') && (every || child?.kind === 'html')) slots.push({ holder, key, name: path })
    } else collect(inner, child, every, path, depth + 1, slots)
  }
}

function clean(slots: readonly Slot[], sanitizer: HtmlSanitizer): Verdict | undefined | Promise<Verdict | undefined> {
  const removedFrom: string[] = []
  let removed = 0
  const put = (slot: Slot, result: SanitizedHtml): void => {
    if (result.removed > 0) {
      removed += result.removed
      removedFrom.push(slot.name)
    }
    slot.holder[slot.key] = result.html
  }
  const done = (): undefined => {
    if (removed > 0 && sanitized.hasSubscribers) sanitized.publish({ fields: removedFrom, removed })
  }
  const refuse = (error: unknown): Verdict => {
    if (error instanceof SecurityError && error.code === 'ERR_SHOP_SECURITY_MARKUP') return tooMuch
    throw error
  }
  const waits: Promise<void>[] = []
  try {
    for (const slot of slots) {
      const result = sanitizer.sanitize(slot.holder[slot.key] as string)
      if (result instanceof Promise) waits.push(result.then((html) => put(slot, html)))
      else put(slot, result)
    }
  } catch (error) {
    for (const wait of waits) wait.catch(() => undefined)
    return refuse(error)
  }
  return waits.length === 0 ? done() : Promise.all(waits).then(done, refuse)
}
