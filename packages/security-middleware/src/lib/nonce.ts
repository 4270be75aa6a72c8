import { randomFillSync } from 'node:crypto'

import { requestKey } from '@shop/middleware'

const nonces = requestKey<string>()

// 18 bytes are 24 signs of base64 without padding, so that a batch can be written at once and cut
const signs = 24
const bytes = Buffer.allocUnsafeSlow(18 * 256)
let batch = ''
let next = 0

/**
 * The request's Content-Security-Policy nonce, for `<script nonce="…">` and `<style nonce="…">`: 144 random
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

/** One system call per 256 nonces; none is given twice. */
function fresh(): string {
  if (next === batch.length) {
    batch = randomFillSync(bytes).toString('base64')
    next = 0
  }
  return batch.slice(next, (next += signs))
}
