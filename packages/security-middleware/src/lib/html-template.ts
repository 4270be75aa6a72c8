import {
  encodeAttribute,
  encodeCss,
  encodeHref,
  encodeHtml,
  encodeScriptJson,
  encodeScriptString,
  encodeUrl,
} from './encoders.ts'
import { SecurityError } from './errors.ts'
import { type HoleContext, holeContexts } from './template-context.ts'

/** HTML that is already safe: the result of {@link html}, or vouched for by {@link dangerouslySetHtml}. */
export class SafeHtml {
  readonly #html: string

  constructor(html: string) {
    this.#html = html
  }

  toString(): string {
    return this.#html
  }

  /** JSON must not carry markup by accident: it gives the text. */
  toJSON(): string {
    return this.#html
  }
}

const cache = new WeakMap<TemplateStringsArray, readonly HoleContext[]>()

/**
 * Writes HTML. Each value is encoded for where it stands: text, attribute, address, query, style, string in a script, JSON in a
 * script. Values that are themselves {@link SafeHtml} (or arrays of them) stay as they are between tags; null, undefined and
 * false write nothing.
 *
 * @throws ERR_SHOP_SECURITY_ENCODER where no encoding is safe: a tag's or attribute's name, an unquoted attribute, an `on…`
 *   handler outside a string, a comment, a template literal of a script.
 * @example html`<a href="/search?q=${query}" title="${title}">${name}</a>`
 */
export function html(strings: TemplateStringsArray, ...values: readonly unknown[]): SafeHtml {
  let contexts = cache.get(strings)
  if (contexts === undefined) {
    contexts = holeContexts(strings)
    cache.set(strings, contexts)
  }
  let out = strings[0]!
  for (let i = 0; i < values.length; i++) out += written(values[i], contexts[i]!) + strings[i + 1]!
  return new SafeHtml(out)
}

/** Vouches for markup: what comes from a sanitiser, or from your own source. Never a request's own text. */
export const dangerouslySetHtml = (markup: string): SafeHtml => new SafeHtml(markup)

const encoders: Readonly<Record<Exclude<HoleContext, 'text' | 'nowhere'>, (value: unknown) => string>> = {
  attribute: encodeAttribute,
  address: encodeHref,
  query: encodeUrl,
  style: encodeCss,
  'script-string': encodeScriptString,
  'script-value': encodeScriptJson,
}

function written(value: unknown, context: HoleContext): string {
  if (context === 'text') return textOf(value)
  if (context === 'nowhere') {
    throw new SecurityError(
      'ERR_SHOP_SECURITY_ENCODER',
      'A value of html`…` stands in a name, a comment, an unquoted attribute or bare script, where no encoding makes it safe. Quote the attribute, or move the value.',
    )
  }
  if (context === 'script-value') return encodeScriptJson(value ?? null)
  return value === null || value === undefined ? '' : encoders[context](value)
}

function textOf(value: unknown): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof SafeHtml) return value.toString()
  return Array.isArray(value) ? value.map(textOf).join('') : encodeHtml(value)
}
