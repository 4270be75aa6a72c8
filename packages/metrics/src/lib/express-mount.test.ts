import { once } from 'node:events'
import { Agent, createServer, request as ask, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import { protect } from '@shop/middleware/express'
import express5, { type Express, type Router } from 'express'
// @ts-expect-error there are types of Express 5 only
import express4 from 'express4'
import fc from 'fast-check'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { httpMetrics } from './http-metrics.ts'

const versions = [
  ['4', express4 as typeof express5],
  ['5', express5],
] as const

describe.each(versions)('the route of a mounted router on Express %s', (version, express) => {
  const ok = (router: Pick<Router, 'route'>, path: string): void => {
    router.route(path).get((_, response) => void response.end())
  }

  /** The route labels an application gives these URLs. */
  async function labels(build: (app: Express) => void, urls: readonly string[]): Promise<readonly string[]> {
    const register = new Registry()
    const app = express()
    app.use(protect(httpMetrics({ register, bodySizes: false })))
    build(app)
    await getAll(app as RequestListener, urls)
    const text = await expositionText(register)
    const found = text.matchAll(/_seconds_count\{.*?http_route="([^"]*)",http_response_status_code="200"/g)
    return [...found].map(([, route]) => route!).toSorted()
  }

  it('is the template, mount and all, and never a value', async () => {
    const build = (app: Express): void => {
      const orders = express.Router()
      ok(orders, '/orders/:id')
      ok(orders, '/')
      const items = express.Router({ mergeParams: true })
      ok(items, '/:item')
      orders.use('/orders/:id/items', items)
      app.use('/shops/:shop', orders)
      const api = express.Router()
      ok(api, '/health')
      app.use('/Api/v1/', api)
      ok(app, '/plain/:id')
    }
    const urls = ['/shops/shops/orders/7', '/shops/a', '/SHOPS/b/Orders/c/items/d', '/api/v1/health', '/API/V1/health']
    expect(await labels(build, [...urls, '/plain/x'])).toEqual([
      '/Api/v1/health',
      '/plain/:id',
      '/shops/:shop/',
      '/shops/:shop/orders/:id',
      '/shops/:shop/orders/:id/items/:item',
    ])
  })

  it('tells apart the mounts of a router that has several', async () => {
    const build = (app: Express): void => {
      const router = express.Router()
      ok(router, '/list')
      app.use('/a/:x', router)
      app.use('/b', router)
    }
    expect(await labels(build, ['/a/b/list', '/a/zzz/list', '/b/list'])).toEqual(['/a/:x/list', '/b/list'])
  })

  it('knows applications in applications, and says * where Express tells nothing', async () => {
    const build = (app: Express): void => {
      const [shop, hidden] = [express(), express()]
      const inner = express.Router()
      ok(inner, '/cart')
      shop.use('/carts/:cart', inner)
      ok(shop, '/home')
      app.use('/tenants/:tenant', shop)
      ok(hidden, '/deep')
      const between = express.Router()
      between.use('/x/:y', hidden)
      app.use('/m', between)
      app.use(/\/r\d+/, inner)
    }
    const urls = ['/tenants/1/home', '/tenants/2/carts/3/cart', '/m/x/secret/deep', '/r42/cart']
    const found = await labels(build, urls)
    expect(found).toEqual(['/*/cart', '/*/deep', '/tenants/:tenant/carts/:cart/cart', '/tenants/:tenant/home'])
  })

  it('makes no series of hostile URLs', async () => {
    const register = new Registry()
    const app = express()
    app.use(protect(httpMetrics({ register, bodySizes: false })))
    const orders = express.Router()
    ok(orders, '/orders/:id')
    ok(orders, '/list')
    app.use('/shops/:shop', orders)
    const part = fc.stringMatching(/^[\w.~%/;:@*(){}-]{0,12}$/)
    const urls = fc
      .sample(fc.tuple(part, part), { numRuns: 250, seed: 7 })
      .flatMap(([a, b]) => [`/shops/${a}/orders/${b}`, `/sHoPs/${a}/list`, `//shops//${a}//list`, `/${a}/${b}`])
    await getAll(app as RequestListener, urls)
    const text = await expositionText(register)
    const routes = new Set([...text.matchAll(/_seconds_count\{.*?http_route="([^"]*)"/g)].map(([, route]) => route))
    expect([...routes].filter((route) => route !== 'unmatched').length).toBeLessThanOrEqual(2)
    expect(routes).toContain('/shops/:shop/orders/:id')
  }, 60_000)

  it(`is told by Express ${version} itself without a mount`, async () => {
    expect(await labels((app) => ok(app, '/orders/:id'), ['/orders/1', '/orders/2'])).toEqual(['/orders/:id'])
  })
})

/** Sends the URLs as they are: fetch would make them tidy. */
async function getAll(listener: RequestListener, urls: readonly string[]): Promise<void> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true })
  for (const path of urls) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    ask({ port, host: '127.0.0.1', path, agent }, (response) => response.resume().once('end', resolve))
      .once('error', reject)
      .end()
    await promise
  }
  agent.destroy()
  server.close()
  await once(server, 'close')
}
