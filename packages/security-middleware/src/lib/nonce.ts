import { randomFillSync } from 'node:crypto'

import { requestKey } from '@shop/middleware'

const nonces = requestKey<string>()

const size = 16
const pool = Buffer.allocUnsafeSlow(size * 256)
let next = pool.length

/**
 * The request's Content-Security-Policy nonce, for `<script nonce="…">` and `<style nonce="…">`: 128 random
 * bits in base64, made by {@link securityHeaders}; `undefined` on a request that it has not seen or whose policy uses none.
 *
 * Takes whatever the framework calls a request: Express' and Nest's `req`, Fastify's `request`, Koa's `ctx`, Hono's `c`.
 */
export function nonceOf(request: object): string | undefined {
  return nonces.get(request)
}

/** The nonce of a request, made on first use: two policies on one request share it. */
export function nonceFor(raw: object): string {
  let nonce = nonces.get(raw)
  if (nonce === undefined) nonces.set(raw, (nonce = fresh()))
  return nonce
}

/** One system call per 256 nonces; used bytes are never read again. */
function fresh(): string {
  if (next === pool.length) {
    randomFillSync(pool)
    next = 0
  }
  return pool.toString('base64', next, (next += size))
}
