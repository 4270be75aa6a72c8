import { Readable } from 'node:stream'

import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'

import { type Chain, createChain, isPromise } from './lib/chain.ts'
import { collect } from './lib/collect.ts'
import type { PolicyList } from './lib/compose.ts'
import { isBodiless } from './lib/exchange.ts'
import { observe } from './lib/node-drive.ts'
import { isList, NodeExchange } from './lib/node-exchange.ts'
import type { Answer, HeaderPairs, ReplyView } from './lib/policy.ts'

/**
 * Policies as one Fastify 5 plugin, for the whole scope it is registered in. Client address, scheme and host follow the
 * server's `trustProxy`; bodies are parsed by Fastify itself, under its `bodyLimit`.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`
 * @example await app.register(protect(securityHeaders(), csrf()))
 */
export function protect(...policies: PolicyList): FastifyPluginCallback {
  const chain = createChain(policies)
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    if (!chain.idle) addHooks(chain, app)
    done()
  }
  // without a scope of its own: the hooks belong to whoever registers the plugin
  return Object.assign(plugin, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: '@shop/middleware',
  })
}

function addHooks(chain: Chain, app: Parameters<FastifyPluginCallback>[0]): void {
  const key = Symbol('shop exchange') // each registration has its own
  app.decorateRequest(key, null)
  // null when an earlier registration answered: then these policies never saw the request
  const of = (request: FastifyRequest): FastifyExchange | null =>
    (request as unknown as Record<symbol, FastifyExchange | null>)[key]!

  app.addHook('onRequest', function shopEvaluate(request, reply, done) {
    const exchange = new FastifyExchange(request, reply)
    ;(request as unknown as Record<symbol, FastifyExchange>)[key] = exchange
    if (chain.settles) observe(chain, exchange, reply.raw)
    finish(chain.evaluate(exchange), exchange, done)
  })
  if (chain.inspects) {
    app.addHook('preValidation', function shopInspect(request, _reply, done) {
      const exchange = of(request)!
      finish(chain.inspect(exchange), exchange, done)
    })
  }
  if (chain.settles) {
    app.addHook('onError', function shopError(request, _reply, error, done) {
      const exchange = of(request)
      if (exchange) exchange.error = error
      done()
    })
  }
  if (chain.transformLimit > 0) {
    app.addHook('onSend', async function shopTransform(request, reply, payload: unknown) {
      const exchange = of(request)
      if (exchange === null || isBodiless(request.method, reply.statusCode)) return payload
      const { bytes, rest } = await collect(payload, chain.transformLimit)
      if (bytes === undefined) return rest
      const body = await chain.transform(exchange, new Reply(reply), bytes)
      if (reply.hasHeader('content-length')) reply.header('content-length', body.byteLength)
      return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    })
  }
  if (chain.responds) {
    app.addHook('onSend', function shopRespond(request, reply, payload, done) {
      const exchange = of(request)
      const waiting = exchange ? chain.respond(exchange, new Reply(reply)) : undefined
      if (waiting === undefined) done(null, payload)
      else void waiting.then(() => done(null, payload))
    })
  }
}

function finish(
  answer: Answer | undefined | Promise<Answer | undefined>,
  exchange: FastifyExchange,
  done: (error?: Error) => void,
): void {
  if (answer === undefined) return done()
  if (!isPromise(answer)) return send(exchange, answer)
  void answer.then((late) => (late ? send(exchange, late) : done()), done)
}

function send(exchange: FastifyExchange, { status, headers, body, signal }: Answer): void {
  const { reply } = exchange
  reply.code(status)
  if (headers) exchange.apply(headers)
  const whole = body === undefined || typeof body === 'string' || body instanceof Uint8Array
  // as bytes, or Fastify would add a charset to the content type
  void reply.send(whole ? Buffer.from(body ?? '') : Readable.from(body, { signal }))
}

class FastifyExchange extends NodeExchange {
  readonly #request: FastifyRequest
  readonly reply: FastifyReply

  constructor(request: FastifyRequest, reply: FastifyReply) {
    super(request.raw, reply.raw)
    this.#request = request
    this.reply = reply
  }

  get ip(): string {
    return this.#request.ip ?? '' // no type says that a Unix socket has none
  }

  get secure(): boolean {
    return this.#request.protocol === 'https'
  }

  get host(): string | undefined {
    return this.#request.host || undefined
  }

  get route(): string | undefined {
    return this.#request.routeOptions.url
  }

  get parsed(): unknown {
    return this.#request.body
  }

  adopt(): void {}

  override apply(headers: HeaderPairs): void {
    for (let i = 0; i < headers.length; i++) {
      const pair = headers[i]!
      if (isList(pair[0])) append(this.reply, pair[0], pair[1])
      else this.reply.header(pair[0], pair[1])
    }
  }

  override drop(names: readonly string[]): void {
    for (let i = 0; i < names.length; i++) this.reply.removeHeader(names[i]!)
  }
}

class Reply implements ReplyView {
  readonly #reply: FastifyReply

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  get status(): number {
    return this.#reply.statusCode
  }

  header(name: string): string | undefined {
    const value = this.#reply.getHeader(name)
    return Array.isArray(value) ? value.join(', ') : value?.toString()
  }

  set(name: string, value: string): void {
    this.#reply.header(name, value)
  }

  append(name: string, value: string): void {
    append(this.#reply, name, value)
  }

  remove(name: string): void {
    this.#reply.removeHeader(name)
  }
}

/** Fastify itself only adds to `set-cookie`; any other name it replaces. */
function append(reply: FastifyReply, name: string, value: string): void {
  const before = name === 'set-cookie' ? undefined : reply.getHeader(name)
  reply.header(name, before === undefined ? value : [before, value].flat())
}
