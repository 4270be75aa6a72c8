import { once } from 'node:events'

import { anonymous, answer, errorPage, notFound, routes, type Listen, type Reply, type Shop } from '@shop/example-shop'
import { protect } from '@shop/middleware/express'
import express, { type Express, type Request, type Response } from 'express'

/** The shop on Express 5: policies, body parsers, routes, and a page for whatever goes wrong. */
function createApp(shop: Shop): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('query parser', 'simple')
  app.set('trust proxy', shop.config.TRUST_PROXY ?? false)

  app.use(protect(...shop.policies))

  // after a route's own policies, which may refuse a body before it is parsed
  const parsers = [express.urlencoded({ extended: false, limit: '100kb' }), express.json({ limit: '100kb' })]
  for (const route of routes(shop)) {
    const bind = route.method === 'GET' ? app.get.bind(app) : app.post.bind(app)
    bind(route.path, protect(...route.policies), ...parsers, async (request, response) => {
      send(response, await answer(shop, route, incoming(request)))
    })
  }

  app.use((request: Request, response: Response) => send(response, errorPage(shop, visitor(request), notFound)))
  app.use((error: unknown, request: Request, response: Response, _next: unknown) =>
    send(response, errorPage(shop, visitor(request), error)),
  )
  return app
}

export const listen: Listen = async (shop, { HOST, PORT }) => {
  const server = createApp(shop).listen(PORT, HOST)
  await once(server, 'listening')
  return async () => {
    server.close()
    server.closeIdleConnections()
    await once(server, 'close')
  }
}

const incoming = (request: Request) => ({
  raw: request,
  path: request.path,
  params: request.params as Record<string, string>,
  query: request.query as Record<string, string>,
  body: request.body as unknown,
  ip: request.ip ?? '',
  cookies: request.headers.cookie,
})

const visitor = (request: Request) => ({ session: anonymous, query: request.query as Record<string, string> })

function send(response: Response, { status, headers, body }: Reply): void {
  response.status(status).set(headers).send(body)
}
