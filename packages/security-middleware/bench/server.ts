// One arm of http.bench.ts in a process of its own: POST of a 200-byte order, bare, behind the policies, or behind what
// people assemble today. Every protected arm sends the headers, refuses the forged request and the wrong order.
import { createServer, type Server } from 'node:http'

import fastifyHelmet from '@fastify/helmet'
import { protect as onExpress } from '@shop/middleware/express'
import { protect as onFastify } from '@shop/middleware/fastify'
import { serveArm } from '@shop/testkit/http-bench'
import { doubleCsrf } from 'csrf-csrf'
import express, { type NextFunction, type Request, type Response } from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import helmet from 'helmet'
import { Histogram } from 'prom-client'

import { securityHeaders } from '../src/index.ts'
import { valid } from '../src/validate.ts'
import { orderSchema, policies, validation } from './orders.ts'

const hosts = ['127.0.0.1:*']
const answer = { id: 4711, state: 'placed' }

const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
  getSecret: () => 'a secret of at least thirty-two characters',
  getSessionIdentifier: () => 'alice',
  cookieName: 'csrf',
  cookieOptions: { secure: false },
})

/** What csrf-csrf expects of cookie-parser. */
function withCookies(request: { headers: { cookie?: string | undefined } }): void {
  const cookies = Object.fromEntries(
    (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('=', 2) as [string, string]),
  )
  Object.assign(request, { cookies: { csrf: decodeURIComponent(cookies['csrf'] ?? '') } })
}

const duration = new Histogram({
  name: 'http_seconds',
  help: 'Duration of requests',
  labelNames: ['method', 'route', 'status'],
  buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
})

function expressArm(prepare: (app: express.Express) => express.RequestHandler[]): Server {
  const app = express()
  app.disable('x-powered-by')
  const before = prepare(app)
  app.get('/token', (request, response) => {
    withCookies(request)
    response.json({ token: generateCsrfToken(request, response) })
  })
  app.post('/orders', ...before, (_request, response) => void response.json(answer))
  return createServer(app)
}

const validateByZod = (request: Request, response: Response, next: NextFunction): void => {
  const result = orderSchema.safeParse(request.body)
  if (result.success) next()
  else response.status(422).json({ errors: result.error.issues })
}

async function fastifyArm(
  prepare: (app: FastifyInstance) => Promise<void>,
  check: (body: unknown, request: object) => boolean = () => true,
): Promise<Server> {
  let server: Server | undefined
  const app = fastify({ serverFactory: (handler) => (server = createServer(handler)) })
  await prepare(app)
  app.get('/token', (request, reply) => {
    withCookies(request)
    const token = generateCsrfToken(
      request as never,
      {
        cookie: (name: string, value: string) => reply.header('set-cookie', `${name}=${encodeURIComponent(value)}`),
      } as never,
    )
    return reply.send({ token })
  })
  app.post('/orders', (request, reply) => {
    if (!check(request.body, request)) return reply.code(422).send({ errors: [] })
    return reply.send(answer)
  })
  await app.ready()
  return server!
}

const validated = validation()
const arms: Record<string, () => Server | Promise<Server>> = {
  'express bare': () => expressArm(() => [express.json()]),
  'express helmet': () => expressArm((app) => (app.use(helmet()), [express.json()])),
  'express headers': () => expressArm((app) => (app.use(onExpress(securityHeaders())), [express.json()])),
  'express policies': () =>
    expressArm((app) => {
      app.use(onExpress(...policies(hosts, validated)))
      return [(request, _response, next) => (valid(request, validated), next())]
    }),
  'express peers': () =>
    expressArm((app) => {
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
      return [
        express.json(),
        (request, _response, next) => (withCookies(request), next()),
        doubleCsrfProtection,
        validateByZod,
      ]
    }),
  'fastify bare': () => fastifyArm(() => Promise.resolve()),
  'fastify helmet': () => fastifyArm(async (app) => void (await app.register(fastifyHelmet))),
  'fastify headers': () => fastifyArm(async (app) => void (await app.register(onFastify(securityHeaders())))),
  'fastify policies': () =>
    fastifyArm(
      async (app) => void (await app.register(onFastify(...policies(hosts, validated)))),
      (_body, request) => valid(request, validated) !== undefined,
    ),
  'fastify peers': () =>
    fastifyArm(
      async (app) => {
        await app.register(fastifyHelmet)
        app.addHook('preHandler', (request, reply, done) => {
          if (request.method !== 'POST') return done()
          withCookies(request)
          doubleCsrfProtection(request as never, reply as never, done as never)
        })
        app.addHook('onResponse', (request, reply, done) => {
          duration.observe(
            { method: request.method, route: request.routeOptions.url ?? 'unmatched', status: reply.statusCode },
            reply.elapsedTime / 1000,
          )
          done()
        })
      },
      (body) => orderSchema.safeParse(body).success,
    ),
}

serveArm(await arms[process.argv[2]!]!())
