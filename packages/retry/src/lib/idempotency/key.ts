const MAX = 255

/**
 * The key of an `Idempotency-Key` field (draft-ietf-httpapi-idempotency-key-header-07, 2.1): a structured-field string
 * (`"8e03978e-…"`), or the bare token that older clients send.
 * @returns undefined when it is neither, empty, or longer than 255 characters
 */
export function parseKey(field: string): string | undefined {
  const text = field.trim()
  const quoted = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(text)
  const key = quoted
    ? quoted[1]!.replace(/\\(.)/g, '$1')
    : /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/.test(text)
      ? text
      : ''
  return key.length > 0 && key.length <= MAX ? key : undefined
}
