import type { Denial, Outcome, Policy, ReplyView, RequestView, Verdict } from '@shop/middleware'

import type { Duration } from '../duration.ts'
import { RetryConfigError } from '../errors.ts'
import { type IdempotencyEvent, retryEvents } from '../events.ts'
import { callback, duration, integer, oneOf, readOptions, refused } from '../options.ts'
import { canonical, digest } from './canonical.ts'
import { parseKey } from './key.ts'
import type { Claim, IdempotencyStore } from './store.ts'

/** How {@link idempotency} works. */
export interface IdempotencyOptions {
  readonly store: IdempotencyStore
  /** Who asks: a key belongs to one principal. Return the same text for the same account or API key. */
  readonly principal: (request: RequestView) => string
  /** Which requests need a key. @default POST and PATCH */
  readonly applies?: (request: RequestView) => boolean
  /** Whether a request without a key is refused, or passes unguarded. @default 'required' */
  readonly key?: 'required' | 'optional'
  /** How long an unfinished request holds its key. Longer than the slowest handler. @default '60s' */
  readonly lease?: Duration
  /** The longest response that is kept for replay, in bytes. @default 1048576 */
  readonly maxBody?: number
  /** What a lost store means: refused with 503, or let through unguarded. @default 'refuse' */
  readonly storeDown?: 'refuse' | 'pass'
  /**
   * `around`: the policy claims before the handler and records after it; at least once when the process is killed between the
   * effect and its record. `in-transaction`: the handler does both with {@link exactlyOnce}. @default 'around'
   */
  readonly mode?: 'around' | 'in-transaction'
}

/** A response as it is kept. */
interface Kept {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  readonly body: string
}

interface Held {
  readonly store: IdempotencyStore
  readonly key: string
  readonly fingerprint: string
  readonly lease: number
  token: string | undefined
}

const held = new WeakMap<object, Held>()

const KEPT_HEADERS = ['content-type', 'content-language', 'location', 'etag', 'last-modified', 'cache-control', 'link']
/** Refusals that say nothing about the work: the same key may try again. */
const PASSING: ReadonlySet<number> = new Set([401, 403, 408, 409, 421, 425, 429])

/**
 * The Idempotency-Key header field (draft-ietf-httpapi-idempotency-key-header-07): the first request with a key is worked on, later
 * ones get its response; 400 without a key, 422 when the payload differs, 409 while the first one runs. A key is scoped to the
 * principal, the method and the route. A response of 500 and up frees the key.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`, `ERR_SHOP_RETRY_FUNCTION`
 */
export function idempotency(options: IdempotencyOptions): Policy {
  const read = readOptions('idempotency', options, {
    store: (option, value) => {
      if (typeof (value as IdempotencyStore | undefined)?.claim === 'function') return value as IdempotencyStore
      throw refused(option, value, 'a store: memoryStore(), postgresStore(), redisStore()')
    },
    principal: callback<(request: RequestView) => string>(),
    applies: callback<(request: RequestView) => boolean>(),
    key: oneOf(['required', 'optional'], 'required'),
    lease: duration(1, '24h', '60s'),
    maxBody: integer(0, 100_000_000, 1_048_576),
    storeDown: oneOf(['refuse', 'pass'], 'refuse'),
    mode: oneOf(['around', 'in-transaction'], 'around'),
  })
  const { store, principal, lease } = read
  if (!principal) {
    throw new RetryConfigError(
      'ERR_SHOP_RETRY_FUNCTION',
      'idempotency.principal',
      'idempotency needs principal: (request) => who asks',
    )
  }
  const applies = read.applies ?? ((request) => request.method === 'POST' || request.method === 'PATCH')

  const decide = (request: RequestView, state: Held, claim: Claim): Verdict | undefined => {
    tell(request, claim.state === 'completed' ? 'replayed' : claim.state)
    if (claim.state === 'claimed') {
      state.token = claim.token
      held.set(request.raw, state)
      return undefined
    }
    if (claim.state === 'completed') return replay(claim.result)
    return claim.state === 'mismatch' ? { deny: MISMATCH } : { deny: IN_FLIGHT, headers: [['retry-after', '1']] }
  }
  const lost = (request: RequestView): Verdict | undefined => {
    tell(request, 'store-down')
    return read.storeDown === 'pass' ? undefined : { deny: STORE_DOWN, headers: [['retry-after', '1']] }
  }

  return {
    name: 'idempotency',
    traits: { owns: ['idempotency-replayed'] },
    inspect(request): Verdict | undefined | Promise<Verdict | undefined> {
      if (!applies(request)) return undefined
      const field = request.header('idempotency-key')
      if (field === undefined) return read.key === 'required' ? missing(request) : undefined
      const given = parseKey(field)
      if (given === undefined) return { deny: MALFORMED }
      const state: Held = {
        store,
        lease,
        key: digest(principal(request), request.method, request.route ?? request.path, given),
        fingerprint: digest(request.path, request.query, canonical(request.body)),
        token: undefined,
      }
      if (read.mode === 'in-transaction') {
        held.set(request.raw, state)
        return undefined
      }
      try {
        const claim = store.claim(state.key, { fingerprint: state.fingerprint, lease })
        if (!(claim instanceof Promise)) return decide(request, state, claim)
        return claim.then(
          (each) => decide(request, state, each),
          () => lost(request),
        )
      } catch {
        return lost(request)
      }
    },
    transform: {
      limit: read.maxBody,
      async body(request: RequestView, reply: ReplyView, body: Uint8Array): Promise<Uint8Array> {
        const state = held.get(request.raw)
        if (state?.token === undefined || frees(reply.status)) return body
        const token = state.token
        state.token = undefined
        // a record that cannot be written leaves the claim to its lease; the answer is true all the same
        await Promise.resolve(store.complete(token, kept(reply, body))).catch(() => tell(request, 'store-down'))
        return body
      },
    },
    settle(outcome: Outcome) {
      const state = held.get(outcome.request.raw)
      if (state?.token === undefined) return
      const token = state.token
      state.token = undefined
      // an aborted response says nothing about the work: only its lease ends the claim
      if (outcome.kind === 'aborted') return
      const done = outcome.kind === 'finished' && !frees(outcome.status)
      const told = done
        ? store.complete(token, { status: outcome.status, headers: [], body: '' })
        : store.release(token)
      Promise.resolve(told).catch(() => tell(outcome.request, 'store-down'))
    },
  }
}

/** What {@link exactlyOnce} found. */
export type Once<T> =
  | { readonly state: 'executed' | 'replayed'; readonly result: T }
  | { readonly state: 'in-flight' | 'mismatch' }

/**
 * Does the work of a request exactly once, in the handler's own transaction: claims the key, works, records the result (JSON), all
 * in `tx`. Killed at any point, either everything happened or nothing. Needs `idempotency({ mode: 'in-transaction' })` and a store
 * that works in a transaction; commit `tx` afterwards, or roll it back when the state is `in-flight` (409) or `mismatch` (422).
 * @returns the state, with the result of this or of the first execution
 */
export async function exactlyOnce<T>(request: object, tx: unknown, work: () => Promise<T>): Promise<Once<T>> {
  const state = held.get(request)
  // optional keys: a request without one is worked on like any other
  if (!state) return { state: 'executed', result: await work() }
  const { store, key, fingerprint, lease } = state
  const claim = await store.claim(key, { fingerprint, lease, tx })
  if (claim.state === 'completed') return { state: 'replayed', result: claim.result as T }
  if (claim.state !== 'claimed') return { state: claim.state }
  const result = await work()
  await store.complete(claim.token, result, tx)
  return { state: 'executed', result }
}

const MALFORMED: Denial = {
  status: 400,
  code: 'idempotency-key-malformed',
  title: 'The Idempotency-Key is not a string of 1 to 255 characters.',
}
const MISSING: Denial = {
  status: 400,
  code: 'idempotency-key-missing',
  title: 'This operation needs an Idempotency-Key.',
}
const MISMATCH: Denial = {
  status: 422,
  code: 'idempotency-key-reused',
  title: 'This Idempotency-Key was used with another payload.',
}
const IN_FLIGHT: Denial = {
  status: 409,
  code: 'idempotency-key-in-flight',
  title: 'A request with this Idempotency-Key is being worked on.',
}
const STORE_DOWN: Denial = {
  status: 503,
  code: 'idempotency-store-down',
  title: 'Whether this request was made before cannot be told now.',
}

function missing(request: RequestView): Verdict {
  tell(request, 'missing')
  return { deny: MISSING }
}

function frees(status: number): boolean {
  return status >= 500 || PASSING.has(status)
}

function kept(reply: ReplyView, body: Uint8Array): Kept {
  const headers = KEPT_HEADERS.flatMap((name) => {
    const value = reply.header(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return { status: reply.status, headers, body: Buffer.from(body).toString('base64') }
}

function replay(result: unknown): Verdict {
  const { status, headers, body } = result as Kept
  return {
    answer: { status, headers: [...headers, ['idempotency-replayed', 'true']], body: Buffer.from(body, 'base64') },
  }
}

function tell(request: RequestView, decision: IdempotencyEvent['decision']): void {
  if (!retryEvents.idempotency.hasSubscribers) return
  retryEvents.idempotency.publish({ decision, route: request.route ?? 'unmatched' })
}
