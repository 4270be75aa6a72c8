import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'

import { protect as onExpress } from '@shop/middleware/express'
import { protect as onFastify } from '@shop/middleware/fastify'
import express from 'express'
import fastify from 'fastify'
import { expect, test } from 'vitest'

import { inspect } from '../inspect.ts'
import { validate } from '../validate.ts'
import { memoryStore } from './memory-store.ts'
import { signStripePayload } from './stripe-signature.ts'
import { stripeEvent, stripeWebhook } from './stripe-webhook.ts'

const secret = 'whsec_current_secret_of_the_test'
const payload = JSON.stringify({
  id: 'evt_1',
  object: 'event',
  type: 'payment_intent.succeeded',
  created: 1_800_000_000,
  livemode: true,
  data: { object: { id: 'pi_1', object: 'payment_intent' } },
})
const everywhere = [inspect({ mode: 'enforce' }), validate()]
const here = () =>
  stripeWebhook({
    secrets: { current: secret },
    livemode: true,
    store: memoryStore(),
    now: () => 1_800_000_000_000,
  })

function expressApp(): Promise<http.Server> {
  const app = express()
  app.use(onExpress(...everywhere))
  app.post('/webhooks/stripe', onExpress(here()), express.json(), (request, response) => {
    response.json({ type: stripeEvent(request).type, body: (request.body as { id: string }).id })
  })
  return Promise.resolve(http.createServer(app))
}

async function fastifyApp(): Promise<http.Server> {
  const app = fastify()
  await app.register(onFastify(...everywhere))
  await app.register(async (scope) => {
    await scope.register(onFastify(here()))
    scope.post('/webhooks/stripe', (request) =>
      Promise.resolve({ type: stripeEvent(request).type, body: (request.body as { id: string }).id }),
    )
  })
  await app.ready()
  return app.server
}

test.each([
  ['Express', expressApp],
  ['Fastify', fastifyApp],
])(
  'on %s, as a policy of its route behind an inspection of the whole application, it has the bytes',
  async (_, make) => {
    const server = (await make()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const deliver = (sent: string): Promise<Response> =>
      fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/stripe`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'stripe-signature': signStripePayload(payload, secret, 1_800_000_000),
        },
        body: sent,
      })
    expect(await (await deliver(payload)).json()).toEqual({ type: 'payment_intent.succeeded', body: 'evt_1' })
    // the same event in other bytes: what is verified is what came, not what was parsed of it
    expect((await deliver(payload.replace('{', '{ '))).status).toBe(400)
    server.closeAllConnections()
    server.close()
  },
)
