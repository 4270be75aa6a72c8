import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

import type { Chain } from './chain.ts'
import { isBodiless } from './exchange.ts'
import { isList, type NodeExchange } from './node-exchange.ts'
import type { ReplyView } from './policy.ts'

type Callback = () => void
type Chunk = string | Uint8Array

/**
 * Lets policies see a response before its headers leave. The four methods that start a response are wrapped once; while a
 * policy delays, or a transform collects, what the handler does is kept in order and carried out afterwards.
 */
export function intercept(chain: Chain, exchange: NodeExchange): void {
  const { response } = exchange
  // bound, because other middlewares may have wrapped them before us
  const write = response.write.bind(response) as (
    chunk: Chunk,
    encoding?: BufferEncoding,
    callback?: Callback,
  ) => boolean
  const end = response.end.bind(response) as (
    chunk?: Chunk,
    encoding?: BufferEncoding,
    callback?: Callback,
  ) => ServerResponse
  const writeHead = response.writeHead.bind(response) as (status: number, ...rest: unknown[]) => ServerResponse
  const flushHeaders = response.flushHeaders.bind(response)
  const reply = new NodeReply(response)
  const kept: Array<() => void> = []
  let state: 'untouched' | 'waiting' | 'collecting' | 'open' = 'untouched'
  let collected: Buffer[] = []
  let size = 0

  const open = (): void => {
    state = 'open'
    for (const operation of kept.splice(0)) operation()
  }
  /** Runs `operation` now, or keeps it until the policies have let the headers go. */
  const start = (operation: () => void): void => {
    if (state === 'untouched') {
      state = 'waiting'
      const waiting = chain.respond(exchange, reply)
      if (waiting === undefined) {
        state = 'open'
        return operation()
      }
      kept.push(operation)
      void waiting.then(open).then(() => response.emit('drain'))
    } else if (state === 'open') operation()
    else kept.push(operation)
  }
  /** Gives up collecting: the body is longer than any transform takes, or must not change. */
  const passOn = (): void => {
    const before = collected
    collected = []
    state = 'untouched'
    for (const chunk of before) response.write(chunk)
  }
  const finishTransform = (callback: Callback | undefined): ServerResponse => {
    void chain.transform(exchange, reply, Buffer.concat(collected, size)).then((body) => {
      if (response.hasHeader('content-length')) response.setHeader('content-length', body.byteLength)
      state = 'untouched'
      start(() => void end(body, undefined, callback))
    })
    return response
  }
  if (chain.transformLimit > 0) state = 'collecting'

  response.writeHead = function shopWriteHead(status: number, ...rest: unknown[]): ServerResponse {
    if (state === 'open') return writeHead(status, ...rest)
    response.statusCode = status
    if (typeof rest[0] === 'string') response.statusMessage = rest.shift() as string
    setAll(response, rest[0] as OutgoingHttpHeaders | readonly string[] | undefined)
    if (state !== 'collecting') start(() => void writeHead(response.statusCode))
    return response
  } as ServerResponse['writeHead']

  response.flushHeaders = function shopFlushHeaders(): void {
    if (state !== 'collecting') start(() => flushHeaders())
  }

  response.write = function shopWrite(
    chunk: Chunk,
    encoding?: BufferEncoding | Callback,
    callback?: Callback,
  ): boolean {
    const [charset, done] = typeof encoding === 'function' ? [undefined, encoding] : [encoding, callback]
    if (state === 'open') return write(chunk, charset, done)
    if (state === 'collecting') {
      const bytes = toBuffer(chunk, charset)
      collected.push(bytes)
      size += bytes.byteLength
      if (size > chain.transformLimit) passOn()
      done?.()
      return true
    }
    let more = false
    start(() => void (more = write(chunk, charset, done)))
    return more
  } as ServerResponse['write']

  response.end = function shopEnd(chunk?: Chunk | Callback, encoding?: BufferEncoding | Callback, callback?: Callback) {
    const body = typeof chunk === 'function' ? undefined : chunk
    const charset = typeof encoding === 'function' ? undefined : encoding
    const done = [chunk, encoding, callback].find((argument): argument is Callback => typeof argument === 'function')
    if (state === 'open') return end(body, charset, done)
    if (state === 'collecting') {
      if (body !== undefined && body !== null) {
        const bytes = toBuffer(body, charset)
        collected.push(bytes)
        size += bytes.byteLength
      }
      const bodiless = isBodiless(exchange.method, response.statusCode)
      if (size <= chain.transformLimit && !bodiless) return (void finishTransform(done), response)
      passOn()
      start(() => void end(undefined, undefined, done))
      return response
    }
    start(() => void end(body, charset, done))
    return response
  } as ServerResponse['end']
}

class NodeReply implements ReplyView {
  readonly #response: ServerResponse

  constructor(response: ServerResponse) {
    this.#response = response
  }

  get status(): number {
    return this.#response.statusCode
  }

  header(name: string): string | undefined {
    const value = this.#response.getHeader(name)
    return Array.isArray(value) ? value.join(', ') : value?.toString()
  }

  set(name: string, value: string): void {
    if (!this.#response.headersSent) this.#response.setHeader(name, value)
  }

  append(name: string, value: string): void {
    if (!this.#response.headersSent) this.#response.appendHeader(name, value)
  }

  remove(name: string): void {
    if (!this.#response.headersSent) this.#response.removeHeader(name)
  }
}

function toBuffer(chunk: Chunk, encoding: BufferEncoding | undefined): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk)
}

/** The headers of `writeHead(status, headers)`, set one by one so that policies see them. */
function setAll(response: ServerResponse, headers: OutgoingHttpHeaders | readonly unknown[] | undefined): void {
  if (headers === undefined) return
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers as OutgoingHttpHeaders)) {
      if (value !== undefined) response.setHeader(name, value)
    }
    return
  }
  const pairs = Array.isArray(headers[0]) ? (headers as Array<[string, string]>) : pairsOf(headers as string[])
  const seen = new Set<string>()
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    if (seen.has(key) || isList(key)) response.appendHeader(name, value)
    else response.setHeader(name, value)
    seen.add(key)
  }
}

function pairsOf(flat: readonly string[]): Array<[string, string]> {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1]!] as [string, string]] : []))
}
