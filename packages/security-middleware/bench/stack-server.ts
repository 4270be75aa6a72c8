// One arm of stack.bench.ts in a process of its own: POST of a 200-byte order, bare, behind all of this package's policies
// (headers, origins, CSRF, inspection, validation, the sanitising gate) and metrics, or behind what is assembled today.
import { createServer, type Server } from 'node:http'

import { protect as onExpress } from '@shop/middleware/express'
import { protect as onFastify } from '@shop/middleware/fastify'
import { serveArm } from '@shop/testkit/http-bench'
import createDOMPurify from 'dompurify'
import express, { type NextFunction, type Request, type Response } from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import fastifyHelmet from '@fastify/helmet'
import helmet from 'helmet'
import { JSDOM } from 'jsdom'
import { Histogram } from 'prom-client'

import { inspect } from '../src/inspect.ts'
import { sanitizeInput } from '../src/sanitize.ts'
import { valid } from '../src/validate.ts'
import { orderSchema, policies, validation } from './orders.ts'

const answer = { id: 4711, state: 'placed' }
const validated = validation()

/** The five of the first half, and between them the two of the second. */
function stack(): ReturnType<typeof policies> {
  const all = policies(['127.0.0.1:*'], validated)
  const gate = sanitizeInput({ fields: { note: 'html' } })
  return [
    ...all.slice(0, -1),
    inspect({ mode: 'enforce', fields: { email: 'email', currency: 'enum' } }),
    all.at(-1)!,
    gate,
  ]
}

const duration = new Histogram({
  name: 'http_seconds',
  help: 'Duration of requests',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
})

/** DOMPurify over every text field that has a tag in it, as blog posts have it; loaded, as it would be. */
function purifier(): (body: Record<string, unknown>) => void {
  const purify = createDOMPurify(new JSDOM('').window)
  return (body) => {
    for (const key of Object.keys(body))
      if (typeof body[key] === 'string' && body[key].includes('<')) body[key] = purify.sanitize(body[key])
  }
}

const validateByZod = (request: Request, response: Response, next: NextFunction): void => {
  if (orderSchema.safeParse(request.body).success) next()
  else response.status(422).json({ errors: [] })
}

async function fastifyServer(
  prepare: (app: FastifyInstance) => Promise<void>,
  check: (request: object, body: unknown) => boolean,
): Promise<Server> {
  let server: Server | undefined
  const app = fastify({ serverFactory: (handler) => (server = createServer(handler)) })
  await prepare(app)
  app.post('/orders', (request, reply) =>
    check(request, request.body) ? reply.send(answer) : reply.code(422).send({}),
  )
  await app.ready()
  return server!
}

const arms: Record<string, () => Server | Promise<Server>> = {
  'express bare': () => {
    const app = express().disable('x-powered-by')
    app.post('/orders', express.json(), (_request, response) => void response.json(answer))
    return createServer(app)
  },
  'express stack': () => {
    const app = express().disable('x-powered-by')
    app.use(onExpress(...stack()))
    app.post('/orders', (request, response) => void (valid(request, validated), response.json(answer)))
    return createServer(app)
  },
  'express peers': () => {
    const app = express().disable('x-powered-by')
    const clean = purifier()
    app.use((request, response, next) => {
      const done = duration.startTimer()
      response.on('finish', () =>
        done({
          method: request.method,
          route: (request.route as { path?: string } | undefined)?.path ?? 'unmatched',
          status: response.statusCode,
        }),
      )
      next()
    })
    app.use(helmet(), rateLimit({ limit: 1e9, standardHeaders: 'draft-7', legacyHeaders: false, validate: false }))
    app.post(
      '/orders',
      express.json(),
      (request, _response, next) => (clean(request.body as Record<string, unknown>), next()),
      validateByZod,
      (_request, response) => void response.json(answer),
    )
    return createServer(app)
  },
  'fastify bare': () =>
    fastifyServer(
      async () => {},
      () => true,
    ),
  'fastify stack': () =>
    fastifyServer(
      async (app) => void (await app.register(onFastify(...stack()))),
      (request) => valid(request, validated) !== undefined,
    ),
  'fastify peers': () => {
    const clean = purifier()
    return fastifyServer(
      async (app) => {
        await app.register(fastifyHelmet)
        app.addHook('onResponse', (request, reply, done) => {
          duration.observe(
            { method: request.method, route: request.routeOptions.url ?? 'unmatched', status: reply.statusCode },
            reply.elapsedTime / 1000,
          )
          done()
        })
      },
      (_request, body) => (clean(body as Record<string, unknown>), orderSchema.safeParse(body).success),
    )
  },
}

serveArm(await arms[process.argv[2]!]!())
