import type { IncomingMessage, ServerResponse } from 'node:http'

import { readBody } from './body.ts'
import { BodyLimitError } from './errors.ts'
import { Exchange } from './exchange.ts'
import type { HeaderPairs, Outcome } from './policy.ts'
import { slot } from './slot.ts'

/** The names that are lists: a further value joins those already set. Both spellings, so that no name is lower-cased per request. */
const LISTS = new Set(
  ['set-cookie', 'vary', 'link', 'server-timing', 'www-authenticate'].flatMap((name) => [
    name,
    name.replace(/(^|-)./g, (letter) => letter.toUpperCase()),
  ]),
)

/** Whether a header holds a list, to which a further value is added. */
export function isList(name: string): boolean {
  return LISTS.has(name)
}

/** Bodies that were read, by request: a further protect() on a route finds what the application's has read. */
const bodies = slot<Promise<Buffer>>()

/** What all frameworks over node:http and node:http2 share; each adapter says what it calls trusted, and where the body stands. */
export abstract class NodeExchange extends Exchange {
  readonly raw: IncomingMessage
  readonly response: ServerResponse
  /** What the kernel parsed for `inspect`; the framework may parse the same bytes its own way. */
  inspected: unknown = undefined
  #signal: AbortSignal | undefined

  constructor(raw: IncomingMessage, response: ServerResponse) {
    super()
    this.raw = raw
    this.response = response
  }

  /** What the framework itself has parsed so far. */
  protected abstract readonly parsed: unknown
  /** Hands a parsed body to the framework, in whose name the stream was read. */
  abstract adopt(body: unknown): void

  get body(): unknown {
    return this.inspected ?? this.parsed
  }

  get method(): string {
    return this.raw.method!
  }

  get target(): string {
    return this.raw.url!
  }

  get rawHeaders(): readonly string[] {
    return this.raw.rawHeaders
  }

  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController()
      this.#signal = controller.signal
      this.response.once('close', () => {
        if (!isFinished(this.response)) controller.abort()
      })
    }
    return this.#signal
  }

  header(name: string): string | undefined {
    const value = this.raw.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }

  apply(headers: HeaderPairs): void {
    const response = this.response
    if (response.headersSent) return
    for (let i = 0; i < headers.length; i++) {
      const pair = headers[i]!
      if (LISTS.has(pair[0])) response.appendHeader(pair[0], pair[1])
      else response.setHeader(pair[0], pair[1])
    }
  }

  drop(names: readonly string[]): void {
    const response = this.response
    if (response.headersSent) return
    for (let i = 0; i < names.length; i++) response.removeHeader(names[i]!)
  }

  async bytes(limit: number): Promise<Buffer> {
    const body = await this.#read(limit, true)
    if (body.byteLength > limit) throw new BodyLimitError(limit)
    return body
  }

  /** The body read for parsing; `replayed` tells that the stream still holds it. */
  async take(limit: number, replay: boolean): Promise<{ body: Buffer; replayed: boolean }> {
    const replayed = replay || bodies.get(this.raw) !== undefined
    return { body: replayed ? await this.bytes(limit) : await this.#read(limit, false), replayed }
  }

  #read(limit: number, replay: boolean): Promise<Buffer> {
    let reading = bodies.get(this.raw)
    if (reading === undefined) bodies.set(this.raw, (reading = readBody(this.raw, limit, replay)))
    return reading
  }
}

/** How a response that has closed came to its end. */
export function endOf(response: ServerResponse): Outcome['kind'] {
  if (isFinished(response)) return 'finished'
  return response.errored ? 'error' : 'aborted'
}

/** Whether all of a response was handed to the network; http2 keeps what became of it on its stream. */
function isFinished(response: ServerResponse): boolean {
  const { stream } = response as { stream?: { writableFinished: boolean; aborted: boolean; rstCode: number } }
  if (stream) return stream.writableFinished && !stream.aborted && stream.rstCode === 0
  // fastify.inject() closes a response before it is flushed; of a client that left, the connection is gone too
  return response.writableFinished || (response.writableEnded && response.socket?.destroyed === false)
}
