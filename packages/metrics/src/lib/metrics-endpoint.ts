import { createHash, timingSafeEqual } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'

import type { Answer, HeaderPairs, Policy, RequestView, Verdict } from '@shop/middleware'

import { MetricsError } from './errors.ts'
import { exposition } from './exposition.ts'
import { acceptsGzip, CONTENT_TYPES, type Format, formatOf } from './negotiate.ts'
import { callable, onlyKnown, whole } from './options.ts'
import { isPrivateAddress } from './private-address.ts'
import { type Register, registerOf } from './register.ts'

/** What {@link metricsEndpoint} takes. */
export interface MetricsEndpointOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** @default '/metrics' */
  readonly path?: string
  /** Scrapers must send `Authorization: Bearer <token>`; at least 16 characters. Then any address may ask. */
  readonly token?: string
  /** Who may ask: `true`, or a promise of it; others get 404. @default loopback and private addresses, or everyone who has the token */
  readonly allow?: (request: RequestView) => boolean | Promise<boolean>
  /** Scrapes served at once; further ones get 503. @default 4 */
  readonly maxConcurrent?: number
}

/** Who has not read a scrape after this long does not read; Prometheus itself gives up after ten seconds by default. */
const LONGEST_MS = 30_000

/**
 * Answers `/metrics` in the format the scraper prefers (text, OpenMetrics or protobuf, each with gzip), streamed so
 * that the event loop is never held for long; after 30 seconds the connection is closed. Without options it answers
 * loopback and private addresses only.
 * @throws ERR_SHOP_METRICS_UNKNOWN_OPTION, _OPTION, _REGISTER
 */
export function metricsEndpoint(options: MetricsEndpointOptions = {}): Policy {
  onlyKnown('metricsEndpoint()', options, ['register', 'path', 'token', 'allow', 'maxConcurrent'])
  const { path = '/metrics', token } = options
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      `metricsEndpoint(): path ${JSON.stringify(path)} does not begin with /`,
    )
  if (token !== undefined && (typeof token !== 'string' || token.length < 16)) {
    throw new MetricsError(
      'ERR_SHOP_METRICS_OPTION',
      'metricsEndpoint(): token is no text, or has fewer than 16 characters',
    )
  }
  const register = registerOf('metricsEndpoint()', options.register)
  const most = whole('metricsEndpoint(): maxConcurrent', options.maxConcurrent, 4, 1, 1000)
  const expected = token === undefined ? undefined : digest(`Bearer ${token}`)
  const allow =
    callable('metricsEndpoint(): allow', options.allow) ??
    (expected ? () => true : ({ ip }: RequestView) => isPrivateAddress(ip))
  const running = new Set<AbortController>()

  async function* scrape(format: Format, limit: AbortController): AsyncGenerator<Uint8Array> {
    const timer = setTimeout(() => {
      running.delete(limit)
      limit.abort()
    }, LONGEST_MS).unref()
    running.add(limit)
    try {
      yield* exposition(register, format)
    } finally {
      clearTimeout(timer)
      running.delete(limit)
    }
  }

  function answer(request: RequestView): Answer {
    if (running.size >= most)
      return { status: 503, headers: [['retry-after', '1']], body: 'too many scrapes at once\n' }
    const format = formatOf(request.header('accept'))
    const zip = acceptsGzip(request.header('accept-encoding'))
    const headers: HeaderPairs = [
      ['content-type', CONTENT_TYPES[format]],
      ['cache-control', 'no-store'],
      ['vary', 'Accept, Accept-Encoding'],
      ...(zip ? ([['content-encoding', 'gzip']] as const) : []),
    ]
    if (request.method === 'HEAD') return { status: 200, headers }
    const limit = new AbortController()
    const body = scrape(format, limit)
    return { status: 200, headers, body: zip ? gzip(body) : body, signal: limit.signal }
  }

  function decide(request: RequestView, allowed: boolean): Verdict {
    // whatever else allow() gave, it did not say yes
    if (allowed !== true) return { deny: { status: 404, code: 'not-found', title: 'There is nothing here' } }
    if (expected && !timingSafeEqual(digest(request.header('authorization') ?? ''), expected)) {
      return {
        headers: [['www-authenticate', 'Bearer realm="metrics"']],
        deny: { status: 401, code: 'metrics-token', title: 'The metrics need a token' },
      }
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return {
        headers: [['allow', 'GET, HEAD']],
        deny: { status: 405, code: 'method-not-allowed', title: 'Only GET reads metrics' },
      }
    }
    return { answer: answer(request) }
  }

  return {
    name: 'metrics-endpoint',
    evaluate(request) {
      if (request.path !== path) return undefined
      const allowed = allow(request)
      return allowed instanceof Promise ? allowed.then((late) => decide(request, late)) : decide(request, allowed)
    },
  }
}

// digests, so that the comparison takes as long whatever was sent
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function gzip(chunks: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(chunks, { objectMode: false })
  const zipped = source.pipe(createGzip({ level: 1 }))
  source.on('error', (error) => zipped.destroy(error))
  zipped.on('close', () => source.destroy())
  return zipped as AsyncIterable<Uint8Array>
}
