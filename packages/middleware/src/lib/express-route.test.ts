import { once } from 'node:events'
import { Agent, createServer, request as ask, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import express5, { type Express, type Router } from 'express'
// @ts-expect-error there are types of Express 5 only
import express4 from 'express4'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { protect } from '../express.ts'
import type { Policy } from './policy.ts'

const versions = [
  ['4', express4 as typeof express5],
  ['5', express5],
] as const

describe.each(versions)('the route of a mounted router on Express %s', (version, express) => {
  const ok = (router: Pick<Router, 'route'>, path: string): void => {
    router.route(path).get((_, response) => void response.end())
  }

  /** The routes these URLs come to, each once. */
  async function routes(build: (app: Express) => void, urls: readonly string[]): Promise<readonly string[]> {
    const seen = new Set<string>()
    const app = express()
    app.use(protect(seeing(seen)))
    build(app)
    await getAll(app as RequestListener, urls)
    return [...seen].toSorted()
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
    expect(await routes(build, [...urls, '/plain/x'])).toEqual([
      '/Api/v1/health',
      '/plain/:id',
      '/shops/:shop',
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
    expect(await routes(build, ['/a/b/list', '/a/zzz/list', '/b/list'])).toEqual(['/a/:x/list', '/b/list'])
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
    const found = await routes(build, urls)
    expect(found).toEqual(['/*/cart', '/*/deep', '/tenants/:tenant/carts/:cart/cart', '/tenants/:tenant/home'])
  })

  it('is made by no hostile URL', async () => {
    const seen = new Set<string>()
    const app = express()
    app.use(protect(seeing(seen)))
    const orders = express.Router()
    ok(orders, '/orders/:id')
    ok(orders, '/list')
    app.use('/shops/:shop', orders)
    const part = fc.stringMatching(/^[\w.~%/;:@*(){}-]{0,12}$/)
    const urls = fc
      .sample(fc.tuple(part, part), { numRuns: 250, seed: 7 })
      .flatMap(([a, b]) => [`/shops/${a}/orders/${b}`, `/sHoPs/${a}/list`, `//shops//${a}//list`, `/${a}/${b}`])
    await getAll(app as RequestListener, urls)
    expect(seen.size).toBeLessThanOrEqual(2)
    expect(seen).toContain('/shops/:shop/orders/:id')
  }, 60_000)

  it('is known to a policy within the router, and walks no router before it is asked for, nor twice', async () => {
    const app = express()
    const orders = express.Router()
    const { stack } = orders as unknown as { stack: object[] }
    let walks = 0
    Object.defineProperty(orders, 'stack', { get: () => (walks++, stack) })
    const seen: (string | undefined)[] = []
    const asking: Policy = { name: 'asking', evaluate: ({ route }) => void seen.push(route) }
    const inside: Policy = { name: 'inside', evaluate: (view) => void (view.query === 'ask' && seen.push(view.route)) }
    orders.get('/orders/:id', protect(inside), (_, response) => void response.end())
    app.use(protect(asking))
    app.use('/shops/:shop', orders)
    const walked = async (path: string): Promise<number> => {
      const before = walks
      await getAll(app as RequestListener, [path])
      return walks - before
    }
    const own = await walked('/shops/1/orders/6')
    expect(await walked('/shops/1/orders/6?ask')).toBeGreaterThan(own)
    expect(await walked('/shops/2/orders/7?ask')).toBe(own)
    const template = '/shops/:shop/orders/:id'
    expect(seen).toEqual([undefined, undefined, template, undefined, template])
  })

  it(`is told by Express ${version} itself without a mount`, async () => {
    expect(await routes((app) => ok(app, '/orders/:id'), ['/orders/1', '/orders/2'])).toEqual(['/orders/:id'])
  })
})

/** Keeps the route of each request, as a policy sees it when the response has ended. */
function seeing(seen: Set<string>): Policy {
  return { name: 'seeing', settle: ({ request: { route } }) => void (route !== undefined && seen.add(route)) }
}

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
