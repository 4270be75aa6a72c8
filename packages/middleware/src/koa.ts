import type { Context, Middleware } from 'koa'

import { createChain } from './lib/chain.ts'
import type { PolicyList } from './lib/compose.ts'
import { drive } from './lib/node-drive.ts'
import { NodeExchange } from './lib/node-exchange.ts'

/**
 * Policies as one Koa middleware. Put it first. Client address, scheme and host follow `app.proxy`.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`
 * @example app.use(protect(securityHeaders(), csrf()))
 */
export function protect(...policies: PolicyList): Middleware {
  const chain = createChain(policies)
  if (chain.idle) return (_context, next) => next()
  return async function shopProtect(context, next) {
    const exchange = new KoaExchange(context)
    if (!(await drive(chain, exchange))) {
      context.respond = false // a policy has answered
      return
    }
    try {
      await next()
    } catch (error) {
      exchange.error = error
      keepHeaders(context, error)
      throw error
    }
  }
}

/** Koa drops every header before it answers an error, but those the error itself carries. */
function keepHeaders(context: Context, error: unknown): void {
  if (error instanceof Error && Object.isExtensible(error)) {
    const { headers } = error as { headers?: Record<string, string> }
    const { 'content-type': _type, 'content-length': _length, ...ours } = context.res.getHeaders()
    Object.assign(error, { headers: { ...ours, ...headers } })
  }
}

class KoaExchange extends NodeExchange {
  readonly #context: Context

  constructor(context: Context) {
    super(context.req, context.res)
    this.#context = context
  }

  override get target(): string {
    return this.#context.originalUrl
  }

  get ip(): string {
    return this.#context.ip
  }

  get secure(): boolean {
    return this.#context.secure
  }

  get host(): string | undefined {
    return this.#context.host || undefined
  }

  get route(): string | undefined {
    const { _matchedRoute } = this.#context as { _matchedRoute?: unknown }
    return typeof _matchedRoute === 'string' ? _matchedRoute : undefined
  }

  get parsed(): unknown {
    return (this.#context.request as { body?: unknown }).body
  }

  adopt(body: unknown): void {
    Object.assign(this.#context.request, { body })
  }
}
