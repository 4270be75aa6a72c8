import type { IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'

import { BodyLimitError, MiddlewareError } from './errors.ts'
import type { Denial } from './policy.ts'

const MALFORMED: Denial = { status: 400, code: 'body-malformed', title: 'The request body cannot be parsed' }
const ENCODING: Denial = {
  status: 415,
  code: 'body-encoding',
  title: 'The content encoding of the request is not supported',
}

/**
 * Reads a whole body of at most `limit` bytes. With `replay` the bytes are put back before the stream notices its end,
 * so that the framework's own parser finds them untouched.
 */
export function readBody(message: IncomingMessage, limit: number, replay: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(message.headers['content-length'] ?? 0) > limit) return reject(new BodyLimitError(limit))
    if (message.readableEnded || message.readableFlowing) {
      return reject(
        new MiddlewareError(
          'ERR_SHOP_MIDDLEWARE_BODY_CONSUMED',
          'the request body was read before protect() came to it',
        ),
      )
    }
    const aborted = (): MiddlewareError =>
      new MiddlewareError('ERR_SHOP_MIDDLEWARE_BODY_ABORTED', 'the client went away while sending its body')
    if (message.destroyed) return reject(aborted()) // its 'close' will not come again
    const chunks: Buffer[] = []
    let length = 0
    const done = (settle: () => void): void => {
      message.off('readable', take).off('close', gone).off('error', gone)
      settle()
    }
    const take = (): void => {
      // read() is only called while there is something: at the very end it would announce 'end', which replay must prevent
      while (message.readableLength > 0) {
        const chunk = message.read() as Buffer | null
        if (chunk === null) break
        chunks.push(chunk)
        length += chunk.byteLength
        if (length > limit) return done(() => reject(new BodyLimitError(limit)))
      }
      if (!isComplete(message)) return
      const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, length)
      if (replay) {
        if (length > 0) message.unshift(body)
        done(() => resolve(body))
      } else {
        done(() => drained(message, () => resolve(body)))
      }
    }
    const gone = (): void => done(() => reject(aborted()))
    message.on('readable', take).on('close', gone).on('error', gone)
    take()
  })
}

/** Whether the whole body has arrived. http2's compatibility request only knows once it was read out; its stream knows before. */
function isComplete(message: IncomingMessage): boolean {
  const { stream } = message as { stream?: { readableEnded: boolean } }
  return stream ? stream.readableEnded : message.complete
}

/** Whether a body follows the headers, however short. */
export function hasBody(message: IncomingMessage): boolean {
  const { stream } = message as { stream?: { endAfterHeaders: boolean } }
  if (stream) return !stream.endAfterHeaders
  const length = message.headers['content-length']
  return message.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** Reads out what was put back, so that a later parser sees an ended stream and leaves the parsed body alone. */
export function drained(message: IncomingMessage, then: () => void): void {
  if (message.readableEnded) return then()
  message.once('end', then).resume()
}

/** A body in parsed form, or the denial it earned. */
export type ParsedBody = { readonly value: unknown } | { readonly deny: Denial }

/** Undoes the content encoding (never into more than `limit` bytes), decodes UTF-8 and parses by content type. */
export async function parseBody(
  body: Uint8Array,
  kind: BodyKind,
  contentType: string,
  encoding: string,
  limit: number,
): Promise<ParsedBody> {
  const charset = /;\s*charset="?([\w-]+)/i.exec(contentType)?.[1]
  if (charset !== undefined && !/^(utf-?8|us-ascii)$/i.test(charset)) return { deny: ENCODING }
  let plain = body
  if (encoding !== '' && encoding !== 'identity') {
    const decode = DECODERS[encoding as keyof typeof DECODERS]
    if (decode === undefined) return { deny: ENCODING }
    try {
      plain = await decode(body, { maxOutputLength: limit })
    } catch (error) {
      if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw new BodyLimitError(limit)
      return { deny: MALFORMED }
    }
  }
  try {
    return { value: PARSERS[kind](UTF8.decode(plain)) }
  } catch {
    return { deny: MALFORMED }
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true })
const DECODERS = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}
const PARSERS: Record<BodyKind, (text: string) => unknown> = { json: parseJson, form: parseForm, text: (text) => text }

/** The content types that `inspect` is given. */
export type BodyKind = 'json' | 'form' | 'text'

/** How a body of this content type is parsed; `undefined` for one that is left to the framework. */
export function kindOf(contentType: string | undefined): BodyKind | undefined {
  if (contentType === undefined) return undefined
  const semicolon = contentType.indexOf(';')
  const type = (semicolon === -1 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
  if (type === 'application/json' || type.endsWith('+json')) return 'json'
  if (type === 'application/x-www-form-urlencoded') return 'form'
  return type === 'text/plain' ? 'text' : undefined
}

function parseJson(text: string): unknown {
  return text === '' ? {} : JSON.parse(text) // an empty body means an empty object to the frameworks' parsers too
}

/** Repeated names become arrays; the object has no prototype, so that `__proto__` is a name like any other. */
function parseForm(text: string): unknown {
  const form: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    const before = form[name]
    if (before === undefined) form[name] = value
    else if (typeof before === 'string') form[name] = [before, value]
    else before.push(value)
  }
  return form
}
