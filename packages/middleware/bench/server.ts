// One arm of protect.bench.ts in a process of its own: the same small shop endpoint bare, behind policies, or behind the
// middlewares that people assemble today. All protected arms send the same headers and refuse the same request.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

import fastifyHelmet from '@fastify/helmet'
import fastifyRateLimit from '@fastify/rate-limit'
import { protect as onExpress } from '@shop/middleware/express'
import { protect as onFastify } from '@shop/middleware/fastify'
import { serveArm } from '@shop/testkit/http-bench'
import express, { type NextFunction, type Request, type Response } from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import helmet from 'helmet'
import { Histogram } from 'prom-client'

import type { HeaderPairs, Policy } from '../src/index.ts'

const ORDER = { id: 4711, state: 'paid', total: 12_900 }
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const LIMIT = 1e9

const histogram = new Histogram({
  name: 'http_server_request_duration_seconds',
  help: 'Duration of requests',
  labelNames: ['method', 'route', 'status'],
  buckets: BUCKETS,
})

/** What helmet sends, as constants. */
const HEADERS: HeaderPairs = await helmetsOwn()

async function helmetsOwn(): Promise<HeaderPairs> {
  const set: Array<[string, string]> = []
  const response = {
    setHeader: (name: string, value: string) => set.push([name.toLowerCase(), value]),
    removeHeader: () => {},
  }
  await new Promise((resolve) => helmet()({} as IncomingMessage, response as unknown as ServerResponse, resolve))
  return set
}

function isCrossSite(header: (name: string) => string | undefined, method: string): boolean {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return false
  const site = header('sec-fetch-site')
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}

function policies(): readonly Policy[] {
  const windows = new Map<string, { count: number; until: number }>()
  const headers: Policy = { name: 'headers', evaluate: () => ({ headers: HEADERS }) }
  const refused = { deny: { status: 403, code: 'csrf', title: 'Cross-site request refused' } }
  const csrf: Policy = {
    name: 'csrf',
    evaluate: (r) => (isCrossSite((name) => r.header(name), r.method) ? refused : undefined),
  }
  const limit: Policy = {
    name: 'rate-limit',
    evaluate: ({ ip }) => {
      const now = Date.now()
      let window = windows.get(ip)
      if (window === undefined || window.until < now) windows.set(ip, (window = { count: 0, until: now + 60_000 }))
      window.count++
      const remaining = String(Math.max(0, LIMIT - window.count))
      const reset = String(Math.ceil((window.until - now) / 1000))
      const limited: HeaderPairs = [
        ['ratelimit', `limit=${LIMIT}, remaining=${remaining}, reset=${reset}`],
        ['ratelimit-policy', `${LIMIT};w=60`],
      ]
      return window.count > LIMIT
        ? { headers: limited, deny: { status: 429, code: 'rate-limit', title: 'Too many requests' } }
        : { headers: limited }
    },
  }
  const metrics: Policy = {
    name: 'metrics',
    settle: ({ request, status, seconds }) =>
      histogram.observe({ method: request.method, route: request.route ?? 'unmatched', status }, seconds),
  }
  return [headers, csrf, limit, metrics]
}

/** The hand-written pieces that stand between helmet and the limiter in the peers' arms. */
function peerCsrf(request: Request, response: Response, next: NextFunction): void {
  if (isCrossSite((name) => request.headers[name] as string | undefined, request.method)) {
    response.status(403).type('application/problem+json').send('{"title":"Cross-site request refused","status":403}')
  } else next()
}

function peerMetrics(request: Request, response: Response, next: NextFunction): void {
  const done = histogram.startTimer()
  response.on('finish', () =>
    done({ method: request.method, route: request.route?.path ?? 'unmatched', status: response.statusCode }),
  )
  next()
}

function expressArm(...before: express.RequestHandler[]): Server {
  const app = express()
  app.disable('x-powered-by')
  for (const middleware of before) app.use(middleware)
  app.get('/orders/:id', (_request, response) => void response.json(ORDER))
  app.post('/orders', (_request, response) => void response.json(ORDER))
  return createServer(app)
}

async function fastifyArm(prepare: (app: FastifyInstance) => Promise<void>): Promise<Server> {
  let server: Server | undefined
  const app = fastify({ serverFactory: (handler) => (server = createServer(handler)) })
  await prepare(app)
  app.get('/orders/:id', () => Promise.resolve(ORDER))
  app.post('/orders', () => Promise.resolve(ORDER))
  await app.ready()
  return server!
}

const ARMS: Record<string, () => Server | Promise<Server>> = {
  'express bare': () => expressArm(),
  'express empty': () => expressArm(onExpress()),
  'express policies': () => expressArm(onExpress(...policies())),
  'express peers': () =>
    expressArm(
      peerMetrics,
      helmet(),
      peerCsrf,
      rateLimit({ limit: LIMIT, standardHeaders: 'draft-7', legacyHeaders: false, validate: false }),
    ),
  'fastify bare': () => fastifyArm(() => Promise.resolve()),
  'fastify empty': () =>
    fastifyArm(async (app) => {
      await app.register(onFastify())
    }),
  'fastify policies': () =>
    fastifyArm(async (app) => {
      await app.register(onFastify(...policies()))
    }),
  'fastify peers': () =>
    fastifyArm(async (app) => {
      await app.register(fastifyHelmet)
      app.addHook('onRequest', (request, reply, done) => {
        if (!isCrossSite((name) => request.headers[name] as string | undefined, request.method)) return done()
        void reply
          .code(403)
          .type('application/problem+json')
          .send('{"title":"Cross-site request refused","status":403}')
      })
      await app.register(fastifyRateLimit, { max: LIMIT, timeWindow: 60_000 })
      app.addHook('onResponse', (request, reply, done) => {
        histogram.observe(
          { method: request.method, route: request.routeOptions.url ?? 'unmatched', status: reply.statusCode },
          reply.elapsedTime / 1000,
        )
        done()
      })
    }),
}

serveArm(await ARMS[process.argv[2]!]!())
