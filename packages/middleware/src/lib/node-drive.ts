import type { ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'

import { type BodyKind, drained, hasBody, kindOf, parseBody } from './body.ts'
import { type Chain, isPromise } from './chain.ts'
import { BodyLimitError, MiddlewareError } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { endOf, type NodeExchange } from './node-exchange.ts'
import { intercept } from './node-reply.ts'
import type { Answer } from './policy.ts'
import { problem, TOO_LARGE } from './problem.ts'

/**
 * Takes one request of node:http or node:http2 through a chain. `true` when the handler's turn has come, `false` when a
 * policy has answered or the client has left; a promise only where a policy, or the body, has to be waited for.
 */
export function drive(chain: Chain, exchange: NodeExchange): boolean | Promise<boolean> {
  // first, so that what a transform makes of the body is counted
  if (chain.settles) observe(chain, exchange, exchange.response)
  if (chain.responds || chain.transformLimit > 0) intercept(chain, exchange)
  const answer = chain.evaluate(exchange)
  if (isPromise(answer)) return answer.then((late) => afterEvaluate(chain, exchange, late)).catch(gaveUp)
  return afterEvaluate(chain, exchange, answer)
}

function afterEvaluate(chain: Chain, exchange: NodeExchange, answer: Answer | undefined): boolean | Promise<boolean> {
  if (answer) return send(exchange, answer)
  if (!chain.inspects) return true
  const ended = exchange.body === undefined ? inspectUnparsed(chain, exchange) : chain.inspect(exchange)
  if (isPromise(ended)) return ended.then((late) => (late ? send(exchange, late) : true)).catch(gaveUp)
  return ended ? send(exchange, ended) : true
}

/** Reads and parses the body in the framework's stead. JSON is handed on parsed; anything else is put back for its own parser. */
function inspectUnparsed(chain: Chain, exchange: NodeExchange): Answer | undefined | Promise<Answer | undefined> {
  const kind = hasBody(exchange.raw) ? kindOf(exchange.raw.headers['content-type']) : undefined
  return kind === undefined ? chain.inspect(exchange) : readAndInspect(chain, exchange, kind)
}

async function readAndInspect(chain: Chain, exchange: NodeExchange, kind: BodyKind): Promise<Answer | undefined> {
  try {
    const { 'content-type': type = '', 'content-encoding': encoding = '' } = exchange.raw.headers
    const { body, replayed } = await exchange.take(chain.bodyLimit, kind !== 'json')
    const parsed = await parseBody(body, kind, type, encoding, chain.bodyLimit)
    if ('deny' in parsed) return problem(parsed.deny)
    exchange.inspected = parsed.value
    if (kind === 'json') {
      if (replayed) await new Promise<void>((resolve) => drained(exchange.raw, resolve))
      exchange.adopt(parsed.value)
    }
  } catch (error) {
    if (error instanceof BodyLimitError) return problem(TOO_LARGE)
    throw error
  }
  return chain.inspect(exchange)
}

/** The client left in the middle of its body: there is nobody to answer, and `settle` tells of it. */
function gaveUp(error: unknown): false {
  if (error instanceof MiddlewareError && error.code === 'ERR_SHOP_MIDDLEWARE_BODY_ABORTED') return false
  throw error
}

/** Tells the chain, once, how the response ended. */
export function observe(chain: Chain, exchange: Exchange, response: ServerResponse): void {
  exchange.started = performance.now()
  count(exchange, response)
  // 'close' comes once, and what `once` would allocate for that is dear at every request
  response.on('close', () => {
    chain.settle(exchange, endOf(response), response.statusCode, response.errored ?? undefined)
  })
}

/** Adds up the body as it leaves: a stream announces no length, and node tells nobody of the one it announces itself. */
function count(exchange: Exchange, response: ServerResponse): void {
  // as they are now: other middlewares may have wrapped them before us
  const { write, end } = response as unknown as Record<'write' | 'end', Pass>
  let open = true // until `end`, which may itself call `write`
  response.write = function shopCountWrite(chunk, encoding, callback) {
    if (open) exchange.sent += lengthOf(chunk, encoding)
    return write.call(response, chunk, encoding, callback)
  } as Pass as ServerResponse['write']
  response.end = function shopCountEnd(chunk, encoding, callback) {
    if (open) exchange.sent += lengthOf(chunk, encoding)
    open = false
    return end.call(response, chunk, encoding, callback)
  } as Pass as ServerResponse['end']
}

type Pass = (chunk?: unknown, encoding?: unknown, callback?: unknown) => never

function lengthOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, encoding as BufferEncoding)
  return chunk instanceof Uint8Array ? chunk.byteLength : 0
}

function send(exchange: NodeExchange, { status, headers, body, signal }: Answer): false {
  const { response } = exchange
  if (response.headersSent || response.destroyed) return false
  response.statusCode = status
  if (headers) exchange.apply(headers)
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    if (status !== 204 && status !== 304)
      response.setHeader('content-length', body === undefined ? 0 : Buffer.byteLength(body))
    response.end(body)
  } else if (exchange.method === 'HEAD') {
    response.end()
  } else {
    // ends the source too when the client leaves first; how it ended is told by `settle`
    pipeline(Readable.from(body, { signal }), response, () => {})
  }
  return false
}
