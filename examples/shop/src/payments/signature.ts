import { createHmac, timingSafeEqual } from 'node:crypto'

const mac = (payload: string, secret: string) => createHmac('sha256', secret).update(payload).digest('hex')

/** The value of Stripe's `Stripe-Signature` header: `t=<seconds>,v1=<HMAC-SHA-256 of "t.body">`. */
export function sign(body: string, secret: string, seconds: number = Math.floor(Date.now() / 1000)): string {
  return `t=${seconds},v1=${mac(`${seconds}.${body}`, secret)}`
}

/** Whether `header` signs these very bytes, not more than five minutes ago. */
export function verify(body: string, header: string | undefined, secret: string): boolean {
  const [, seconds, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(header ?? '') ?? []
  if (seconds === undefined || given === undefined) return false
  if (Math.abs(Date.now() / 1000 - Number(seconds)) > 300) return false
  return timingSafeEqual(Buffer.from(given), Buffer.from(mac(`${seconds}.${body}`, secret)))
}
