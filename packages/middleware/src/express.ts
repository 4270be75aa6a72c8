import type { Express, Request, RequestHandler, Response } from 'express'

import { type Chain, createChain } from './lib/chain.ts'
import type { PolicyList } from './lib/compose.ts'
import { explain as explainPolicies } from './lib/explain.ts'
import { expressRoute } from './lib/express-route.ts'
import { drive } from './lib/node-drive.ts'
import { NodeExchange } from './lib/node-exchange.ts'
import type { Policy } from './lib/policy.ts'

/**
 * Policies as one Express middleware (Express 4 and 5). Put it first: before body parsers and routers.
 * Client address, scheme and host follow the application's `trust proxy` setting.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`
 * @example app.use(protect(securityHeaders(), csrf()))
 */
export function protect(...policies: PolicyList): RequestHandler {
  const chain = createChain(policies)
  const handler: RequestHandler = chain.idle ? (_request, _response, next) => next() : guard(chain)
  protectedBy.set(handler, chain.policies)
  return handler
}

/** Which policies a middleware of an application carries out, for `explain`. */
const protectedBy = new WeakMap<object, readonly Policy[]>()

function guard(chain: Chain): RequestHandler {
  return function shopProtect(request, response, next) {
    const passed = drive(chain, new ExpressExchange(request, response))
    if (passed === true) next()
    else if (passed) void passed.then((late) => late && next(), next)
  }
}

/**
 * What stands where in an application: the policies of each `protect()` in order, and warnings about what stands before
 * it. Call it at boot, in development.
 *
 * @example console.log(explain(app))
 */
export function explain(app: Express): string {
  // Express 4 keeps its router elsewhere, and throws when asked for the other
  const router = 'lazyrouter' in app ? (app as { _router?: Stack })._router : (app as { router?: Stack }).router
  const layers = router?.stack ?? []
  const lines: string[] = []
  const routes: string[] = []
  let parser: string | undefined
  for (const { handle, route } of layers) {
    const policies = protectedBy.get(handle)
    if (route) routes.push(route.path)
    else if (/^(json|urlencoded|raw|text)Parser$/.test(handle.name)) parser ??= handle.name
    if (!policies) continue
    lines.push(explainPolicies(...policies))
    if (routes.length > 0)
      lines.push(`warning: routes stand before protect(), which does not see them: ${routes.join(', ')}`)
    if (parser)
      lines.push(
        `warning: ${parser} stands before protect(): policies cannot refuse a body before it is parsed, nor read its raw bytes`,
      )
  }
  return lines.length > 0 ? lines.join('\n') : 'warning: no protect() in this application'
}

interface Stack {
  readonly stack: ReadonlyArray<{
    readonly handle: { readonly name: string }
    readonly route?: { readonly path: string }
  }>
}

class ExpressExchange extends NodeExchange {
  declare readonly raw: Request
  declare readonly response: Response

  override get target(): string {
    return this.raw.originalUrl
  }

  get ip(): string {
    const { raw } = this
    // nobody claims to be a proxy: then every trust setting gives the peer, and need not be asked
    return (raw.headers['x-forwarded-for'] === undefined ? raw.socket.remoteAddress : raw.ip) ?? ''
  }

  get secure(): boolean {
    const { raw } = this
    // likewise: without a claim it is the socket that tells
    return raw.headers['x-forwarded-proto'] === undefined
      ? (raw.socket as { readonly encrypted?: boolean }).encrypted === true
      : raw.secure
  }

  get host(): string | undefined {
    // Express 4's own req.host drops the port, so the forwarded host is read here, under the same trust
    const trusts = this.raw.app.get('trust proxy fn') as (address: string | undefined, hop: number) => boolean
    const forwarded = trusts(this.raw.socket.remoteAddress, 0) ? this.header('x-forwarded-host') : undefined
    return forwarded?.split(',', 1)[0]!.trim() || this.raw.headers.host
  }

  get route(): string | undefined {
    return expressRoute(this.raw)
  }

  get parsed(): unknown {
    return this.raw.body
  }

  adopt(body: unknown): void {
    this.raw.body = body
    Object.assign(this.raw, { _body: true }) // how Express 4's parsers know that they need not look
  }
}
