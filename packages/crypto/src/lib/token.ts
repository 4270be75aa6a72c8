/** Byte 0 of every token. */
export const magic = 0xe1

/** Byte 1: how the body is made. */
export const suites = {
  cbcHs512: 0x01,
  xaes: 0x02,
  siv: 0x03,
  chunked: 0x10,
} as const

/** A suite's number in the token's second byte. */
export type Suite = (typeof suites)[keyof typeof suites]

/** What marks the text form. */
export const textMark = 'e1.'

/** The text mark and the 8 characters that name format, suite and key. */
export const prefixLength = 11

/** Writes the 6 header bytes at `at` and returns their end: format, suite, key id in big endian. */
export function header(frame: Buffer, at: number, suite: number, keyId: number): number {
  frame[at] = magic
  frame[at + 1] = suite
  frame[at + 2] = keyId >>> 24
  frame[at + 3] = (keyId >>> 16) & 0xff
  frame[at + 4] = (keyId >>> 8) & 0xff
  frame[at + 5] = keyId & 0xff
  return at + 6
}

/**
 * The first 11 characters of every token of this suite and key: `e1.` and 8 base64url characters.
 * `WHERE column NOT LIKE prefix || '%'` finds what is not yet rotated.
 */
export function tokenPrefix(suite: Suite, keyId: number): string {
  const bytes = Buffer.allocUnsafe(6)
  header(bytes, 0, suite, keyId)
  return textMark + bytes.toString('base64url')
}

/** What a token says of itself, unauthenticated: good for statistics and routing, never for a decision. */
export interface TokenHeader {
  readonly suite: number
  readonly keyId: number
}

/** Reads a token's header, or `undefined` when the text is no token of this format. */
export function readHeader(token: string): TokenHeader | undefined {
  if (
    typeof token !== 'string' ||
    !token.startsWith(textMark) ||
    !/^[A-Za-z0-9_-]{8}/.test(token.slice(3, prefixLength))
  )
    return undefined
  const bytes = Buffer.from(token.slice(3, prefixLength), 'base64url')
  if (bytes.length !== 6 || bytes[0] !== magic) return undefined
  return { suite: bytes[1] as number, keyId: bytes.readUInt32BE(2) }
}

/**
 * Decodes `text` from index `from` into `frame` at `at` and returns the number of bytes, or -1 when it is not the one canonical
 * unpadded base64url form of them: without this, a token could be changed and still decrypt.
 */
export function decodeBody(text: string, from: number, frame: Buffer, at: number): number {
  const bytes = decodedLength(text.length - from)
  if (bytes < 0 || frame.length - at < bytes) return -1
  const body = text.slice(from)
  if (frame.write(body, at, 'base64url') !== bytes) return -1
  // node's decoder skips what it does not know, takes plain base64 too and looks at no more than a letter's low byte
  return frame.toString('base64url', at, at + bytes) === body ? bytes : -1
}

/** The bytes that `chars` characters of unpadded base64 hold, or -1 when no bytes give that many. */
export function decodedLength(chars: number): number {
  return chars % 4 === 1 ? -1 : Math.floor((chars * 3) / 4)
}
