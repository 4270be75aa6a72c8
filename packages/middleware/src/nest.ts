import type { INestApplication } from '@nestjs/common'

import { protect as express } from './express.ts'
import { protect as fastify } from './fastify.ts'
import { compose, type PolicyList } from './lib/compose.ts'
import { MiddlewareError } from './lib/errors.ts'

/**
 * Policies for a whole NestJS application, on either platform. Apply them right after `NestFactory.create`, before
 * `listen`; trust in proxies follows the platform's own setting.
 *
 * @throws MiddlewareError `ERR_SHOP_MIDDLEWARE_POLICY`, `ERR_SHOP_MIDDLEWARE_DUPLICATE`, `ERR_SHOP_MIDDLEWARE_PLATFORM`
 * @example await protect(securityHeaders(), csrf())(app)
 */
export function protect(...policies: PolicyList): (app: INestApplication) => Promise<void> {
  const list = compose(...policies) // what is wrong with them is told now
  return async (app) => {
    const adapter = app.getHttpAdapter()
    const platform = adapter.getType()
    if (platform === 'express') app.use(express(list))
    else if (platform === 'fastify')
      await (adapter as unknown as { register(plugin: unknown): Promise<unknown> }).register(fastify(list))
    else {
      throw new MiddlewareError(
        'ERR_SHOP_MIDDLEWARE_PLATFORM',
        `expected a Nest application on 'express' or 'fastify', received ${JSON.stringify(platform)}`,
      )
    }
  }
}
