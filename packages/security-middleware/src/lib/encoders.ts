/**
 * Text between tags: `&`, `<`, `>` and both quotes. Also right inside a quoted attribute.
 * Contexts and characters after the OWASP cross-site scripting prevention rules.
 */
export function encodeHtml(value: unknown): string {
  const text = String(value)
  let out = ''
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const reference = htmlReferences[text.charCodeAt(i)]
    if (reference === undefined) continue
    out += text.slice(from, i) + reference
    from = i + 1
  }
  return from === 0 ? text : out + text.slice(from)
}

/**
 * An attribute's value, quoted or not: everything but letters, digits and `- . _` becomes a character reference, so that not even
 * a missing quote lets it out. Not for `href` and kin, whose scheme matters too: {@link encodeHref}; nor for `on…` and `style`.
 */
export function encodeAttribute(value: unknown): string {
  let out = ''
  for (const char of String(value)) {
    const code = char.codePointAt(0)!
    out += isPlain(code) || code > 159 ? char : code === 0 ? '\ufffd' : `&#x${code.toString(16)};`
  }
  return out
}

/** The inside of a quoted string in a script, quotes not included: `'…'`, `"…"`; also safe in an HTML attribute that holds script. */
export function encodeScriptString(value: unknown): string {
  let out = ''
  for (const unit of units(String(value))) {
    out +=
      isPlain(unit) || unit === 32 || (unit > 159 && unit !== 0x2028 && unit !== 0x2029)
        ? String.fromCharCode(unit)
        : unit < 256
          ? `\\x${hex(unit, 2)}`
          : `\\u${hex(unit, 4)}`
  }
  return out
}

/**
 * JSON as a literal in a script element (`const state = …`), or in `<script type="application/json">`: `<`, `>`, `&` and the
 * two line separators are written as escapes, so that no `</script` and no `<!--` can appear.
 * @throws TypeError for what JSON cannot hold.
 */
export function encodeScriptJson(value: unknown): string {
  const json = JSON.stringify(value)
  if (json === undefined)
    throw new TypeError('encodeScriptJson() got a value that JSON has no form for: undefined, a function or a symbol.')
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${hex(char.charCodeAt(0), 4)}`)
}

/** One component of a URL: a query's value, a path's segment. RFC 3986 unreserved characters stay; lone surrogates become U+FFFD. */
export function encodeUrl(value: unknown): string {
  return encodeURIComponent(String(value).toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${hex(char.charCodeAt(0), 2).toUpperCase()}`,
  )
}

/**
 * A whole address for `href`, `src` and kin: `http:`, `https:`, `mailto:`, `tel:` and relative ones stay, any other scheme
 * becomes `about:invalid`; then encoded as HTML.
 */
export function encodeHref(value: unknown): string {
  const address = String(value)
  // a browser drops tabs and line ends anywhere, and controls and spaces in front, before it looks for the scheme
  let bare = ''
  for (const unit of units(address)) {
    if (unit === 9 || unit === 10 || unit === 13 || (bare === '' && unit <= 32)) continue
    bare += String.fromCharCode(unit)
    if (bare.length > 64) break
  }
  const scheme = /^([^:/?#]*):/.exec(bare)?.[1]?.toLowerCase()
  return scheme === undefined || schemes.has(scheme) ? encodeHtml(address) : 'about:invalid'
}

/** A value in a style sheet or a `style` attribute: everything but ASCII letters and digits becomes an escape. Never a property's name or a `url()`. */
export function encodeCss(value: unknown): string {
  let out = ''
  for (const char of String(value).toWellFormed()) {
    const code = char.codePointAt(0)!
    out += isAlphanumeric(code) ? char : `\\${code === 0 ? 'fffd' : code.toString(16)} `
  }
  return out
}

const schemes = new Set(['http', 'https', 'mailto', 'tel'])

const htmlReferences: Readonly<Record<number, string>> = {
  34: '&quot;',
  38: '&amp;',
  39: '&#39;',
  60: '&lt;',
  62: '&gt;',
}

const isAlphanumeric = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)

const isPlain = (code: number): boolean => isAlphanumeric(code) || code === 45 || code === 46 || code === 95

function* units(text: string): Generator<number> {
  for (let i = 0; i < text.length; i++) yield text.charCodeAt(i)
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0')
