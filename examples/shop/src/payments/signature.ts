import { createHmac } from 'node:crypto'

/** The value of Stripe's `Stripe-Signature` header: `t=<seconds>,v1=<HMAC-SHA-256 of "t.body">`. */
export function sign(body: string, secret: string, seconds: number = Math.floor(Date.now() / 1000)): string {
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return `t=${seconds},v1=${mac}`
}
