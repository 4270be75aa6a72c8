import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'

import { kindOf, parseBody } from './lib/body.ts'
import { type Chain, createChain } from './lib/chain.ts'
import type { PolicyList } from './lib/compose.ts'
import { BodyLimitError } from './lib/errors.ts'
import { Exchange, isBodiless } from './lib/exchange.ts'
import { observe } from './lib/node-drive.ts'
import { isList } from './lib/node-exchange.ts'
import { splitOptions, type PeerOptions } from './lib/options.ts'
import type { Answer, HeaderPairs, ReplyView } from './lib/policy.ts'
import { problem, TOO_LARGE } from './lib/problem.ts'
import type { Peer } from './lib/proxy.ts'
import { linkIncoming } from './lib/raw.ts'

type BodyInit = ConstructorParameters<typeof Response>[0]

interface NodeBindings {
  readonly incoming?: IncomingMessage
  readonly outgoing?: ServerResponse
}

/**
 * Policies as one Hono middleware, on node (`@hono/node-server`) and on any runtime that speaks fetch. Put it first.
 * Without `trustProxy` or `ipOf` nothing a client says about itself is believed.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`, `ERR_SHOP_MIDDLEWARE_OPTION`
 * @example app.use(protect(securityHeaders(), csrf()))
 */
export function protect(...policies: PolicyList): MiddlewareHandler
export function protect(options: PeerOptions<Request>, ...policies: PolicyList): MiddlewareHandler
export function protect(...args: [PeerOptions<Request>, ...PolicyList] | PolicyList): MiddlewareHandler {
  const { peerOf, list } = splitOptions<Request>(args)
  const chain = createChain(list)
  if (chain.idle) return (_context, next) => next()
  return async function shopProtect(context, next) {
    const { incoming, outgoing } = (context.env ?? {}) as NodeBindings
    if (incoming) linkIncoming(context.req.raw, incoming)
    const exchange = new HonoExchange(context, incoming, () => {
      const socket = incoming?.socket as { remoteAddress?: string; encrypted?: boolean } | undefined
      const encrypted = socket ? socket.encrypted === true : context.req.url.startsWith('https:')
      return peerOf(context.req.raw, socket?.remoteAddress ?? '', encrypted, (name) => exchange.header(name))
    })
    if (chain.settles && outgoing) observe(chain, exchange, outgoing)
    else exchange.started = performance.now()
    const answer = (await chain.evaluate(exchange)) ?? (chain.inspects ? await inspect(chain, exchange) : undefined)
    if (answer) context.res = toResponse(exchange, answer)
    else await next()
    exchange.error ??= context.error
    exchange.release(context.res.headers)
    if (chain.transformLimit > 0) await transform(chain, exchange, context)
    if (chain.responds) await chain.respond(exchange, new HonoReply(context))
    if (chain.settles && !outgoing) settleWith(chain, exchange, context)
  }
}

async function inspect(chain: Chain, exchange: HonoExchange): Promise<Answer | undefined> {
  const type = exchange.header('content-type')
  const kind = kindOf(type)
  if (kind !== undefined) {
    try {
      const body = await exchange.bytes(chain.bodyLimit)
      const parsed =
        body.byteLength === 0
          ? undefined
          : await parseBody(body, kind, type!, exchange.header('content-encoding') ?? '', chain.bodyLimit)
      if (parsed && 'deny' in parsed) return problem(parsed.deny)
      exchange.body = parsed?.value
    } catch (error) {
      if (error instanceof BodyLimitError) return problem(TOO_LARGE)
      throw error
    }
  }
  return chain.inspect(exchange)
}

async function transform(chain: Chain, exchange: HonoExchange, context: Context): Promise<void> {
  const { res } = context
  if (res.body === null || exchange.method === 'HEAD') return
  const { bytes, rest } = await readWeb(res.body, chain.transformLimit)
  const body = bytes && (await chain.transform(exchange, new HonoReply(context), bytes))
  const { headers } = context.res
  if (body && headers.has('content-length')) headers.set('content-length', String(body.byteLength))
  context.res = new Response((body as BodyInit) ?? rest ?? null, { status: res.status, headers })
}

function toResponse(exchange: HonoExchange, { status, headers, body, signal }: Answer): Response {
  const empty = isBodiless(exchange.method, status)
  const content =
    empty || body === undefined
      ? null
      : typeof body === 'object' && Symbol.asyncIterator in body
        ? fromIterable(body, signal)
        : body
  return new Response(content as BodyInit, { status, headers: (headers ?? []) as [string, string][] })
}

function fromIterable(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]()
  return new ReadableStream({
    start(controller) {
      signal?.addEventListener('abort', () => {
        controller.error(signal.reason)
        void iterator.return?.()
      })
    },
    async pull(controller) {
      const next = await iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}

/** Off node nobody tells when a response has left: its body is watched instead. */
function settleWith(chain: Chain, exchange: HonoExchange, context: Context): void {
  const { res } = context
  const settle = (kind: 'finished' | 'aborted' | 'error', error?: unknown): void =>
    chain.settle(exchange, kind, res.status, error)
  // of a HEAD, Hono drops the body unread
  if (res.body === null || exchange.method === 'HEAD') return settle('finished')
  const reader = res.body.getReader()
  const watched = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) {
          exchange.sent += value.byteLength
          return controller.enqueue(value)
        }
        controller.close()
        settle('finished')
      } catch (error) {
        controller.error(error)
        settle('error', error)
      }
    },
    async cancel(reason) {
      settle('aborted')
      await reader.cancel(reason)
    },
  })
  context.res = new Response(watched, res)
}

/** The whole of a web stream where it is at most `limit` bytes, else a stream that begins with what was read. */
async function readWeb(
  stream: ReadableStream<Uint8Array>,
  limit: number,
): Promise<{ bytes?: Uint8Array; rest?: ReadableStream<Uint8Array> }> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value)
    size += next.value.byteLength
    if (size > limit) {
      return {
        rest: new ReadableStream({
          async pull(controller) {
            const begun = chunks.shift()
            if (begun) return controller.enqueue(begun)
            const { done, value } = await reader.read()
            if (done) controller.close()
            else controller.enqueue(value)
          },
          cancel: (reason) => reader.cancel(reason),
        }),
      }
    }
  }
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return { bytes }
}

class HonoExchange extends Exchange {
  body: unknown = undefined
  readonly raw: object
  readonly #context: Context
  readonly #peerOf: () => Peer
  readonly #pending: Array<readonly [string, string]> = []
  readonly #unwanted: string[] = []
  #peer: Peer | undefined
  #bytes: Promise<Uint8Array> | undefined

  constructor(context: Context, incoming: IncomingMessage | undefined, peerOf: () => Peer) {
    super()
    this.#context = context
    this.#peerOf = peerOf
    this.raw = incoming ?? context.req.raw
  }

  get method(): string {
    return this.#context.req.method
  }

  get target(): string {
    const { url } = this.#context.req
    return url.slice(url.indexOf('/', url.indexOf('//') + 2))
  }

  get #who(): Peer {
    return (this.#peer ??= this.#peerOf())
  }

  get ip(): string {
    return this.#who.ip
  }

  get secure(): boolean {
    return this.#who.secure
  }

  get host(): string | undefined {
    return this.#who.host ?? new URL(this.#context.req.url).host
  }

  get route(): string | undefined {
    // a handler is matched last, behind the middlewares; their patterns end in a star
    const path = matchedRoutes(this.#context).at(-1)?.path
    return path === undefined || path.endsWith('*') ? undefined : path
  }

  get signal(): AbortSignal {
    return this.#context.req.raw.signal
  }

  get rawHeaders(): readonly string[] {
    const incoming = this.raw as Partial<IncomingMessage>
    return incoming.rawHeaders ?? [...this.#context.req.raw.headers].flat()
  }

  header(name: string): string | undefined {
    return this.#context.req.header(name)
  }

  bytes(limit: number): Promise<Uint8Array> {
    this.#bytes ??= this.#read(limit)
    return this.#bytes.then((body) => {
      if (body.byteLength > limit) throw new BodyLimitError(limit)
      return body
    })
  }

  async #read(limit: number): Promise<Uint8Array> {
    const { req } = this.#context
    // what an earlier protect(), or the handler's framework, has read
    const { arrayBuffer: known } = req.bodyCache as { arrayBuffer?: ArrayBuffer | Promise<ArrayBuffer> }
    if (known !== undefined) return new Uint8Array(await known)
    if (Number(req.header('content-length') ?? 0) > limit) throw new BodyLimitError(limit)
    if (req.raw.body === null) return new Uint8Array()
    const { bytes } = await readWeb(req.raw.body, limit)
    if (bytes === undefined) throw new BodyLimitError(limit)
    // Hono's own cache, from which c.req.json(), .text() and .parseBody() are answered
    req.bodyCache.arrayBuffer = Promise.resolve(bytes.buffer as ArrayBuffer) as never
    return bytes
  }

  apply(headers: HeaderPairs): void {
    this.#pending.push(...headers)
  }

  drop(names: readonly string[]): void {
    this.#unwanted.push(...names)
  }

  /** Kept until the handler has answered, because a Response it makes by itself would not have them; what it has set stays. */
  release(target: Headers): void {
    for (const name of this.#unwanted) target.delete(name)
    const theirs = new Set(target.keys())
    for (const [name, value] of this.#pending) {
      if (isList(name)) target.append(name, value)
      else if (!theirs.has(name.toLowerCase())) target.set(name, value)
    }
  }
}

class HonoReply implements ReplyView {
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
  }

  get status(): number {
    return this.#context.res.status
  }

  header(name: string): string | undefined {
    return this.#context.res.headers.get(name) ?? undefined
  }

  set(name: string, value: string): void {
    this.#context.res.headers.set(name, value)
  }

  append(name: string, value: string): void {
    this.#context.res.headers.append(name, value)
  }

  remove(name: string): void {
    this.#context.res.headers.delete(name)
  }
}
