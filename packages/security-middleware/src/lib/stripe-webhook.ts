import { hash } from 'node:crypto'

import { type Denial, type Outcome, type Policy, requestKey, type RequestView, type Verdict } from '@shop/middleware'

import type { Claim, ClaimStore } from './claim-store.ts'
import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { claimFailed, stripeRefused } from './events.ts'
import { integer, knownOptions, oneOf } from './options.ts'
import { pathMatcher } from './path-pattern.ts'
import { parseStripeEvent, positionOf, type StripeEvent } from './stripe-event.ts'
import { isProbe, probeAnswer, rememberForProbe } from './stripe-probe.ts'
import type { StripeReason } from './stripe-refusal.ts'
import { type StripeSecret, verifyStripeSignature } from './stripe-signature.ts'

/** Options of {@link stripeWebhook}. */
export interface StripeWebhookOptions<Tx = unknown> {
  /** Where Stripe posts to. @default '/webhooks/stripe' */
  readonly path?: string
  /** Endpoint secrets by a name of yours: `{ current: 'whsec_…', previous: 'whsec_…' }`. Any of them verifies. */
  readonly secrets: Readonly<Record<string, string>>
  /** `true` takes live events only, `false` test events only. */
  readonly livemode: boolean
  /** Where deliveries are claimed, so that each is handled once. */
  readonly store: ClaimStore<Tx>
  /**
   * Who claims: `policy` before the handler, completing when it answered 2xx (at least once); `handler` in its own
   * transaction, by `stripeDelivery(req).claim(tx)` (exactly once with the PostgreSQL store). @default 'policy'
   */
  readonly claimIn?: 'policy' | 'handler'
  /** How old a signature may be; 0 takes this second's only. @default '5m' */
  readonly tolerance?: Duration
  /** How far ahead of this clock a signature may be. @default '30s', and never more than `tolerance` */
  readonly ahead?: Duration
  /** The API version events must have. @default any */
  readonly apiVersion?: string
  /** The connected accounts whose events are taken. @default any */
  readonly accounts?: readonly string[]
  /** An event older than one already seen of the same object: `skip` answers 200 and does not hand it on. @default 'pass' */
  readonly older?: 'pass' | 'skip'
  /** After which a claim whose process died may be taken over. @default '5m' */
  readonly lease?: Duration
  /** How long the store may take before the delivery is refused with 503, for Stripe to send again. @default '5s' */
  readonly storeTimeout?: Duration
  /** The longest payload, in bytes. @default 1048576 */
  readonly limit?: number
  /** Milliseconds now. @default Date.now */
  readonly now?: () => number
}

/** What a claim of a delivery found; `older` only where older events are skipped. */
export type DeliveryClaim = Claim | { readonly state: 'older' }

/** A verified delivery, for the handler. */
export interface StripeDelivery<Event = StripeEvent, Tx = unknown> {
  readonly event: Event
  /** The name of the secret that signed it. */
  readonly secret: string
  /**
   * For `claimIn: 'handler'`: claims the delivery in the handler's open transaction. Do the work on `claimed` and
   * commit; on `completed` and `older` answer 200; on `in-flight` answer 409 for Stripe to come again.
   */
  claim(tx: Tx): Promise<DeliveryClaim>
}

const deliveries = requestKey<StripeDelivery>()

/**
 * The verified delivery of a request.
 * @throws ERR_SHOP_SECURITY_NO_POLICY on a request that {@link stripeWebhook} has not let through
 */
export function stripeDelivery<Event = StripeEvent, Tx = unknown>(request: object): StripeDelivery<Event, Tx> {
  const delivery = deliveries.get(request)
  if (delivery) return delivery as unknown as StripeDelivery<Event, Tx>
  throw new SecurityError(
    'ERR_SHOP_SECURITY_NO_POLICY',
    'stripeDelivery() was asked about a request that stripeWebhook() has not let through; is it in protect(...), and is the path the same?',
  )
}

/** The verified event of a request; see {@link stripeDelivery}. @throws ERR_SHOP_SECURITY_NO_POLICY */
export function stripeEvent<Event = StripeEvent>(request: object): Event {
  return stripeDelivery<Event>(request).event
}

const title = 'This is not a webhook delivery'
const denials: Readonly<Record<StripeReason, Verdict>> = {
  'signature-missing': refuse(400, 'signature-missing', title),
  'signature-malformed': refuse(400, 'signature-malformed', title),
  'signature-mismatch': refuse(400, 'signature-mismatch', title),
  'too-old': refuse(400, 'too-old', 'The signature of this delivery is too old'),
  'in-future': refuse(400, 'in-future', 'The signature of this delivery is from the future'),
  malformed: refuse(400, 'malformed', 'The payload is not a Stripe event'),
  livemode: refuse(400, 'livemode', 'This endpoint takes events of the other mode only'),
  'api-version': refuse(400, 'api-version', 'The event has another API version than this endpoint is made for'),
  account: refuse(400, 'account', 'This endpoint does not take events of that account'),
  'other-bytes': refuse(400, 'other-bytes', 'An event with this id and another content was delivered before'),
  'raw-body': refuse(500, 'raw-body', 'This endpoint is not set up'),
  store: refuse(503, 'store', 'The delivery cannot be recorded at the moment'),
}
const inFlight = refuse(409, 'in-flight', 'This delivery is being handled')
const received = answer('{"received":true,"duplicate":true}')
const skipped = answer('{"received":true,"older":true}')

/**
 * Takes Stripe's webhooks: verifies the signature over the bytes as they came, refuses old and future ones, events of
 * the other mode, version or account, the same id with other content, and hands each delivery on once. Every refusal
 * is told with its reason on `shop:security-middleware:stripe-refused`.
 *
 * Put `protect()` before body parsers, let {@link csrf} bypass the path, and ask {@link probeStripeWebhook} at boot.
 *
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_SECRET,
 *   ERR_SHOP_SECURITY_DURATION, ERR_SHOP_SECURITY_PATTERN
 * @example
 * app.use(protect(stripeWebhook({ secrets: { current: env.STRIPE_WEBHOOK_SECRET }, livemode: true, store })))
 * app.post('/webhooks/stripe', (req, res) => { fulfil(stripeEvent<Stripe.Event>(req)); res.sendStatus(200) })
 */
export function stripeWebhook<Tx = unknown>(options: StripeWebhookOptions<Tx>): Policy {
  const rules = compile(options)
  const { store, now = Date.now } = options
  const open = requestKey<string>()

  function refused(request: RequestView, reason: StripeReason, age?: number, event?: string): Verdict {
    if (stripeRefused.hasSubscribers) stripeRefused.publish({ reason, ip: request.ip, event, age })
    return denials[reason]
  }

  async function claim(event: StripeEvent, fingerprint: string, tx: Tx | undefined): Promise<DeliveryClaim> {
    const made = await store.claim(`stripe:${event.id}`, {
      fingerprint,
      lease: rules.lease,
      ...(tx !== undefined && { tx }),
    })
    const position = rules.skipsOlder && made.state === 'claimed' ? positionOf(event) : undefined
    if (made.state !== 'claimed' || !position || (await store.advance!(`stripe:${position.key}`, position.at, tx)))
      return made
    await store.complete(made.token)
    return { state: 'older' }
  }

  async function receive(request: RequestView): Promise<Verdict | undefined> {
    const payload = await bytesOf(request, rules.limit, () => refused(request, 'raw-body'))
    const checked = verifyStripeSignature(
      payload,
      request.header('stripe-signature'),
      rules.secrets,
      rules.tolerance,
      now() / 1000,
    )
    if (!checked.valid) return refused(request, checked.reason, checked.age)
    if (isProbe(payload)) return probeAnswer
    const event = parseStripeEvent(payload)
    if (!event) return refused(request, 'malformed', checked.age)
    const wrong = rules.mismatch(event)
    if (wrong) return refused(request, wrong, checked.age, event.id)
    const fingerprint = fingerprintOf(payload)
    const delivery: StripeDelivery<StripeEvent, Tx> = {
      event,
      secret: checked.secret,
      claim: async (tx) => {
        const made = await claim(event, fingerprint, tx)
        if (made.state === 'mismatch') refused(request, 'other-bytes', checked.age, event.id)
        return made
      },
    }
    deliveries.set(request, delivery as StripeDelivery)
    if (rules.handlerClaims) return undefined
    try {
      const made = await within(rules.storeTimeout, claim(event, fingerprint, undefined))
      if (made.state === 'claimed') return void open.set(request, made.token)
      if (made.state === 'mismatch') return refused(request, 'other-bytes', checked.age, event.id)
      return made.state === 'in-flight' ? inFlight : made.state === 'older' ? skipped : received
    } catch (error) {
      if (claimFailed.hasSubscribers) claimFailed.publish({ operation: 'claim', error })
      return refused(request, 'store', checked.age, event.id)
    }
  }

  function settle({ request, kind, status }: Outcome): void {
    const token = open.get(request)
    // after an abort the handler may still be at work: only the lease can tell that it is not
    if (token === undefined || kind === 'aborted') return
    void finish(kind === 'finished' && status >= 200 && status < 300 ? 'complete' : 'release', token)
  }

  async function finish(operation: 'complete' | 'release', token: string): Promise<void> {
    try {
      await store[operation](token)
    } catch (error) {
      if (claimFailed.hasSubscribers) claimFailed.publish({ operation, error })
    }
  }

  const policy: Policy = {
    name: 'stripe-webhook',
    evaluate: (request) => (request.path === rules.path && request.method === 'POST' ? receive(request) : undefined),
    ...(!rules.handlerClaims && { settle }),
    traits: { after: ['security-headers'], before: ['validate'] },
  }
  rememberForProbe(policy, rules.secrets[0]!.secret)
  return policy
}

interface Rules {
  readonly path: string
  readonly secrets: readonly StripeSecret[]
  readonly tolerance: { readonly past: number; readonly future: number }
  readonly handlerClaims: boolean
  readonly skipsOlder: boolean
  readonly lease: number
  readonly storeTimeout: number
  readonly limit: number
  readonly mismatch: (event: StripeEvent) => StripeReason | undefined
}

const keys = [
  'path',
  'secrets',
  'livemode',
  'store',
  'claimIn',
  'tolerance',
  'ahead',
  'apiVersion',
  'accounts',
  'older',
  'lease',
  'storeTimeout',
  'limit',
  'now',
]

function compile<Tx>(options: StripeWebhookOptions<Tx>): Rules {
  knownOptions('stripeWebhook()', options, keys)
  const { path = '/webhooks/stripe', livemode, store, apiVersion, accounts } = options
  pathMatcher('path', [path])
  if (typeof livemode !== 'boolean')
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'livemode must be true or false: test events must not move live orders.',
    )
  if (typeof store?.claim !== 'function')
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'store must be a claim store: memoryStore(), postgresStore() or redisStore().',
    )
  const older = oneOf('older', options.older, 'pass', ['pass', 'skip'])
  if (older === 'skip' && !store.advance)
    throw new SecurityError('ERR_SHOP_SECURITY_OPTION', 'older is "skip", and needs a store with advance().')
  const past = milliseconds('tolerance', options.tolerance ?? '5m', 3_600_000) / 1000
  return {
    path,
    secrets: secretsOf(options.secrets),
    tolerance: { past, future: Math.min(past, milliseconds('ahead', options.ahead ?? '30s', 300_000) / 1000) },
    handlerClaims: oneOf('claimIn', options.claimIn, 'policy', ['policy', 'handler']) === 'handler',
    skipsOlder: older === 'skip',
    lease: milliseconds('lease', options.lease ?? '5m'),
    storeTimeout: milliseconds('storeTimeout', options.storeTimeout ?? '5s', 60_000),
    limit: integer('limit', options.limit, 1_048_576, [1024, 16 * 1_048_576]),
    mismatch(event) {
      if (event.livemode !== livemode) return 'livemode'
      if (apiVersion !== undefined && event.object === 'event' && event.api_version !== apiVersion) return 'api-version'
      return accounts && !accounts.includes(event.account ?? '') ? 'account' : undefined
    },
  }
}

function secretsOf(named: Readonly<Record<string, string>>): readonly StripeSecret[] {
  const secrets = Object.entries(named ?? {}).map(([name, secret]) => ({ name, secret }))
  if (secrets.length === 0 || secrets.length > 8)
    throw new SecurityError('ERR_SHOP_SECURITY_SECRET', 'secrets must name 1 to 8 endpoint secrets.')
  for (const { name, secret } of secrets) {
    if (typeof secret === 'string' && /^whsec_[\w+/=-]{16,}$/.test(secret)) continue
    const kind = typeof secret === 'string' && /^[sr]k_/.test(secret) ? ' It is an API key.' : ''
    throw new SecurityError(
      'ERR_SHOP_SECURITY_SECRET',
      `secrets.${name} is no endpoint secret, which begins with "whsec_".${kind}`,
    )
  }
  return secrets
}

async function bytesOf(request: RequestView, limit: number, tell: () => void): Promise<Uint8Array> {
  try {
    return await request.bytes(limit)
  } catch (cause) {
    if ((cause as { code?: string }).code !== 'ERR_SHOP_MIDDLEWARE_BODY_CONSUMED') throw cause
    tell()
    throw new SecurityError(
      'ERR_SHOP_SECURITY_RAW_BODY',
      'A body parser read the delivery before stripeWebhook() could: put protect() before it.',
      { cause },
    )
  }
}

/** Of the content: between two deliveries of one event Stripe changes the count of webhooks still to be told. */
function fingerprintOf(payload: Uint8Array): string {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8')
  return hash('sha256', text.replace(/"pending_webhooks":\s*\d+/, '"pending_webhooks":0'), 'base64url')
}

function within<T>(limit: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the store took longer than ${limit} ms`)), limit)
    void work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function refuse(status: number, code: string, title: string): Verdict {
  return { deny: { status, code: `stripe-${code}`, title } satisfies Denial }
}

function answer(body: string): Verdict {
  return { answer: { status: 200, headers: [['content-type', 'application/json']], body } }
}
