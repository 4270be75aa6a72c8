import formbody from '@fastify/formbody'
import { anonymous, answer, errorPage, notFound, routes, type Listen, type Reply, type Shop } from '@shop/example-shop'
import { protect } from '@shop/middleware/fastify'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

/** The shop on Fastify 5: policies, a form parser, each route in a scope of its own, and a page for whatever goes wrong. */
async function createApp(shop: Shop): Promise<FastifyInstance> {
  const app = fastify({
    bodyLimit: 100 * 1024,
    trustProxy: shop.config.TRUST_PROXY ?? false,
    forceCloseConnections: 'idle',
  })

  await app.register(protect(...shop.policies))
  await app.register(formbody)
  app.setNotFoundHandler((request, reply) => send(reply, errorPage(shop, visitor(request), notFound)))
  app.setErrorHandler((error, request, reply) => send(reply, errorPage(shop, visitor(request), error)))

  for (const route of routes(shop)) {
    await app.register(async (scope) => {
      await scope.register(protect(...route.policies))
      scope.route({
        method: route.method,
        url: route.path,
        handler: async (request, reply) => send(reply, await answer(shop, route, incoming(request))),
      })
    })
  }
  return app
}

export const listen: Listen = async (shop, { HOST, PORT }) => {
  const app = await createApp(shop)
  await app.listen({ host: HOST, port: PORT })
  return () => app.close()
}

const incoming = (request: FastifyRequest) => ({
  raw: request,
  path: request.url.split('?', 1)[0]!,
  params: request.params as Record<string, string>,
  query: request.query as Record<string, string>,
  body: request.body,
  ip: request.ip,
  cookies: request.headers.cookie,
})

const visitor = (request: FastifyRequest) => ({ session: anonymous, query: request.query as Record<string, string> })

function send(reply: FastifyReply, { status, headers, body }: Reply): FastifyReply {
  return reply.code(status).headers(headers).send(body)
}
