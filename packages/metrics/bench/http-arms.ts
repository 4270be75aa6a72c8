/** One server an arm, for http.bench.ts. */
import { createServer } from 'node:http'

import { protect as protectExpress } from '@shop/middleware/express'
import { protect as protectFastify } from '@shop/middleware/fastify'
import { serveArm } from '@shop/testkit/http-bench'
import express from 'express'
import promBundle from 'express-prom-bundle'
import fastify from 'fastify'
import fastifyMetrics from 'fastify-metrics'

import { httpMetrics } from '../src/index.ts'

const pass = { name: 'pass', evaluate: () => undefined, settle: () => undefined } as const
const arm = process.argv[2]!
if (arm.startsWith('express')) {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  if (arm === 'express-ours') app.use(protectExpress(httpMetrics({ bodySizes: false })))
  if (arm === 'express-sizes') app.use(protectExpress(httpMetrics()))
  if (arm === 'express-adapter') app.use(protectExpress(pass))
  if (arm === 'express-peer')
    app.use(
      promBundle({
        includeMethod: true,
        includePath: true,
        includeStatusCode: true,
        normalizePath: [['^/orders/.*', '/orders/#id']],
      }),
    )
  app.get('/orders/:id', (request, response) => void response.json({ id: request.params.id }))
  serveArm(createServer(app))
} else {
  const app = fastify({ serverFactory: (handler) => createServer((request, response) => handler(request, response)) })
  if (arm === 'fastify-ours') await app.register(protectFastify(httpMetrics({ bodySizes: false })))
  if (arm === 'fastify-sizes') await app.register(protectFastify(httpMetrics()))
  if (arm === 'fastify-adapter') await app.register(protectFastify(pass))
  if (arm === 'fastify-peer') await app.register(fastifyMetrics as never, { endpoint: '/metrics' })
  app.get('/orders/:id', (request) => ({ id: (request.params as { id: string }).id }))
  await app.ready()
  serveArm(app.server)
}
