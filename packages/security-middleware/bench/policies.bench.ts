// What each policy costs in process: the decision alone, and its headers on a real response.
import { randomBytes } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'

import type { HeaderPairs, Policy, RequestView, Verdict } from '@shop/middleware'
import { benchTable, interleave } from '@shop/testkit/bench'
import { doubleCsrf } from 'csrf-csrf'
import helmet from 'helmet'

import { csrf, securityHeaders } from '../src/index.ts'
import { order, policies } from './orders.ts'

const message = new IncomingMessage(new Socket())
message.method = 'POST'
message.url = '/orders'
const headers: Record<string, string> = {
  host: 'shop.example',
  origin: 'https://shop.example',
  'sec-fetch-site': 'same-origin',
  'content-type': 'application/json',
  'content-length': String(order.length),
  'user-agent': 'Mozilla/5.0',
  accept: '*/*',
}
message.headers = headers
const bytes = Promise.resolve(Buffer.from(order))

/** As cheap as an adapter's view: fields and one look-up. */
function requestView(): RequestView {
  return {
    method: 'POST',
    path: '/orders',
    query: '',
    ip: '203.0.113.7',
    secure: true,
    host: 'shop.example',
    route: '/orders',
    body: undefined,
    raw: {},
    rawHeaders: Object.entries(headers).flat(),
    signal: new AbortController().signal,
    header: (name) => headers[name],
    bytes: () => bytes,
  }
}
const shared = requestView()
const view = (): RequestView => ({ ...shared, raw: {} })

function apply(response: ServerResponse, pairs: HeaderPairs): void {
  for (const [name, value] of pairs) response.setHeader(name, value)
}

function evaluated(policy: Policy, request: RequestView): Verdict | undefined {
  return policy.evaluate!(request) as Verdict | undefined
}

const headersPolicy = securityHeaders()
const fixed = securityHeaders({ csp: { 'script-src': ["'self'"], 'style-src': ["'self'"] } })
const bareFixed = evaluated(fixed, view())!.headers!
const bare = evaluated(headersPolicy, view())!.headers!
const [before, between, after] = bare
  .find(([name]) => name === 'content-security-policy')![1]
  .split(/(?<='nonce-)[^']+(?=')/) as [string, string, string]
const constants = bare.filter(([name]) => name !== 'content-security-policy')

/** The same headers by hand, as an application that wants a nonce writes them. */
function byHand(): void {
  const response = new ServerResponse(message)
  const nonce = randomBytes(16).toString('base64')
  Object.assign(response, { locals: { nonce } })
  apply(response, constants)
  response.setHeader('content-security-policy', before + nonce + between + nonce + after)
}
const helmets = helmet()
const csrfPolicy = csrf({ development: false })
const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
  getSecret: () => 'a secret of at least thirty-two characters',
  getSessionIdentifier: () => 'alice',
  getCsrfTokenFromRequest: (request) => request.headers['x-csrf-token'] as string,
})
const tokened = { ...message, method: 'POST', headers, cookies: {} as Record<string, string> }
const token = generateCsrfToken(
  tokened as never,
  { cookie: (name: string, value: string) => (tokened.cookies[name] = value) } as never,
)
headers['x-csrf-token'] = token

const all = policies(['shop.example'])
async function everything(): Promise<void> {
  const request = view()
  const response = new ServerResponse(message)
  for (const policy of all) {
    const decided = policy.evaluate?.(request)
    const verdict = decided instanceof Promise ? await decided : decided
    if (verdict?.deny) throw new Error(verdict.deny.code)
    if (verdict?.headers) apply(response, verdict.headers)
  }
  for (const policy of all)
    policy.settle?.({
      request,
      kind: 'finished',
      status: 200,
      seconds: 0.01,
      bytes: 0,
      denied: undefined,
      error: undefined,
    })
}

const costs = await interleave(
  {
    nothing: () => new ServerResponse(message),
    'all five': everything,
    'bare, fixed': () => apply(new ServerResponse(message), bareFixed),
    'ours, fixed': () => apply(new ServerResponse(message), evaluated(fixed, view())!.headers!),
    'bare, nonce': byHand,
    'ours, nonce': () => apply(new ServerResponse(message), evaluated(headersPolicy, view())!.headers!),
    helmet: () => helmets(message, new ServerResponse(message), () => {}),
    csrf: () => evaluated(csrfPolicy, shared),
    'csrf-csrf': () => doubleCsrfProtection(tokened as never, {} as never, () => {}),
    // a fixed number: on a busy machine a turn by the clock may end before the code is warm
  },
  { calls: 20_000, repeats: 9 },
)

const response = costs.nothing.us
benchTable([
  {
    name: 'headers, all fixed, vs the same setHeader calls',
    ours: costs['ours, fixed'].us,
    peer: costs['bare, fixed'].us,
    unit: 'us',
    goal: '<= 1.1',
  },
  {
    name: 'headers with a nonce a request vs the same by hand',
    ours: costs['ours, nonce'].us,
    peer: costs['bare, nonce'].us,
    unit: 'us',
    goal: '<= 1.1',
  },
  {
    name: 'headers with a nonce a request vs helmet without one',
    ours: costs['ours, nonce'].us - response,
    peer: costs.helmet.us - response,
    unit: 'us',
  },
  { name: 'csrf, tokenless', ours: costs.csrf.us, unit: 'us', goal: '<= 0.1' },
  { name: 'csrf vs csrf-csrf', ours: costs.csrf.us, peer: costs['csrf-csrf'].us, unit: 'us' },
  {
    name: 'headers, csrf, origins, validation, metrics in process',
    ours: costs['all five'].us - response,
    unit: 'us',
    goal: '<= 5',
  },
])
