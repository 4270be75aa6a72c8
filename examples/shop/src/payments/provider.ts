import { html } from '@shop/security-middleware/encode'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { price } from '../money.ts'
import { deliver, newId, paymentSucceeded, type Delivery } from './webhook.ts'

/** A shop with an account at the provider. */
export interface Account {
  readonly key: string
  readonly webhookUrl: string
  readonly webhookSecret: string
}

export interface Provider extends AsyncDisposable {
  readonly url: string
  /** The webhooks sent of late, at most a hundred. */
  readonly deliveries: readonly Delivery[]
  open(account: Account): void
  /** While true, the API answers 503. @default false */
  away: boolean
}

export interface Checkout {
  readonly id: string
  readonly account: Account
  readonly amount: number
  readonly currency: string
  readonly metadata: Readonly<Record<string, string>>
  readonly successUrl: string
  readonly cancelUrl: string
  status: 'open' | 'complete'
}

/**
 * A stand-in for Stripe: a real HTTP server with Checkout Sessions, a hosted payment page that works without
 * JavaScript, idempotency keys, and signed webhooks that are delivered again until the shop says 2xx.
 */
export async function startProvider(): Promise<Provider> {
  const accounts = new Map<string, Account>()
  const checkouts = new Map<string, Checkout>()
  const byIdempotencyKey = new Map<string, Checkout>()
  const deliveries: Delivery[] = []
  const closed = new AbortController()

  function create(account: Account, form: URLSearchParams, idempotencyKey: string): Checkout {
    const earlier = byIdempotencyKey.get(`${account.key} ${idempotencyKey}`)
    if (earlier) return earlier
    const checkout: Checkout = {
      id: newId('cs'),
      account,
      amount: Number(form.get('line_items[0][price_data][unit_amount]')),
      currency: form.get('line_items[0][price_data][currency]') ?? 'eur',
      metadata: { order_id: form.get('payment_intent_data[metadata][order_id]') ?? '' },
      successUrl: form.get('success_url') ?? '',
      cancelUrl: form.get('cancel_url') ?? '',
      status: 'open',
    }
    checkouts.set(checkout.id, checkout)
    byIdempotencyKey.set(`${account.key} ${idempotencyKey}`, checkout)
    return checkout
  }

  async function api(request: IncomingMessage, response: ServerResponse, form: URLSearchParams): Promise<void> {
    const account = accounts.get(request.headers.authorization?.replace('Bearer ', '') ?? '')
    if (provider.away) return send(response, 503, { error: { type: 'api_error', message: 'Try again later' } })
    if (!account) return send(response, 401, { error: { type: 'invalid_request_error', message: 'No such key' } })
    const checkout = create(account, form, String(request.headers['idempotency-key'] ?? newId('key')))
    send(response, 200, {
      id: checkout.id,
      object: 'checkout.session',
      status: checkout.status,
      url: `${url}/pay/${checkout.id}`,
    })
  }

  function hosted(request: IncomingMessage, response: ServerResponse, form: URLSearchParams): void {
    const checkout = checkouts.get(request.url!.slice('/pay/'.length))
    if (!checkout) return send(response, 404, { error: { message: 'No such checkout session' } })
    if (request.method === 'GET') {
      response.setHeader('content-type', 'text/html; charset=utf-8').end(paymentPage(checkout).toString())
      return
    }
    const pays = form.get('card') !== 'declined'
    if (pays && checkout.status === 'open') {
      checkout.status = 'complete'
      void deliver(checkout.account, paymentSucceeded(checkout), closed.signal, deliveries)
    }
    response.writeHead(303, { location: pays ? checkout.successUrl : checkout.cancelUrl }).end()
  }

  const server = createServer((request, response) => {
    void readForm(request).then((form) =>
      request.url?.startsWith('/pay/')
        ? hosted(request, response, form)
        : request.url === '/v1/checkout/sessions' && request.method === 'POST'
          ? api(request, response, form)
          : send(response, 404, { error: { message: 'Unrecognized request URL' } }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const provider: Provider = {
    url,
    deliveries,
    away: false,
    open: (account) => void accounts.set(account.key, account),
    async [Symbol.asyncDispose]() {
      closed.abort()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return provider
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  let text = ''
  for await (const chunk of request) if (text.length < 65_536) text += String(chunk)
  return new URLSearchParams(text)
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

const paymentPage = ({ amount }: Checkout) =>
  html`<!doctype html>
    <html lang="en">
      <meta name="viewport" content="width=device-width" />
      <title>Pay ${price(amount)}</title>
      <style>
        body {
          font: 17px/1.5 system-ui;
          max-width: 22rem;
          margin: 15vh auto;
          text-align: center;
          color: #1f2430;
        }
        button {
          display: block;
          width: 100%;
          margin: 0.6rem 0;
          padding: 0.9rem;
          border: 0;
          border-radius: 8px;
          font: inherit;
        }
        button:first-of-type {
          background: #3b4fd8;
          color: #fff;
        }
      </style>
      <p>Stand-in payment provider</p>
      <h1>${price(amount)}</h1>
      <form method="post">
        <button name="card" value="ok">Pay with a test card</button>
        <button name="card" value="declined">Use a card that is declined</button>
      </form>
    </html>`
