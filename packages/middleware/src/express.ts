import type { Request, RequestHandler, Response } from 'express'

import { createChain } from './lib/chain.ts'
import type { PolicyList } from './lib/compose.ts'
import { drive } from './lib/node-drive.ts'
import { NodeExchange } from './lib/node-exchange.ts'

/**
 * Policies as one Express middleware (Express 4 and 5). Put it first: before body parsers and routers.
 * Client address, scheme and host follow the application's `trust proxy` setting.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`
 * @example app.use(protect(securityHeaders(), csrf()))
 */
export function protect(...policies: PolicyList): RequestHandler {
  const chain = createChain(policies)
  if (chain.idle) return (_request, _response, next) => next()
  return function shopProtect(request, response, next) {
    const passed = drive(chain, new ExpressExchange(request, response))
    if (passed === true) next()
    else if (passed) void passed.then((late) => late && next(), next)
  }
}

class ExpressExchange extends NodeExchange {
  declare readonly raw: Request
  declare readonly response: Response

  override get target(): string {
    return this.raw.originalUrl
  }

  get ip(): string {
    return this.raw.ip ?? ''
  }

  get secure(): boolean {
    return this.raw.secure
  }

  get host(): string | undefined {
    // Express 4's own req.host drops the port, so the forwarded host is read here, under the same trust
    const trusts = this.raw.app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean
    const forwarded = trusts(this.raw.socket.remoteAddress, 0) ? this.header('x-forwarded-host') : undefined
    return forwarded?.split(',', 1)[0]!.trim() || this.raw.headers.host
  }

  get route(): string | undefined {
    const { route, baseUrl = '' } = this.raw as { route?: { path: unknown }; baseUrl?: string }
    return typeof route?.path === 'string' ? baseUrl + route.path : undefined
  }

  get parsed(): unknown {
    return this.raw.body
  }

  adopt(body: unknown): void {
    this.raw.body = body
    Object.assign(this.raw, { _body: true }) // how Express 4's parsers know that they need not look
  }
}
