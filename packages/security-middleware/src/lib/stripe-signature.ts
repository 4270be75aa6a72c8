import { createHmac, timingSafeEqual } from 'node:crypto'

/** A named endpoint secret. */
export interface StripeSecret {
  readonly name: string
  readonly secret: string
}

/** How old, and how far ahead, a signature's timestamp may be, in seconds. */
export interface StripeTolerance {
  readonly past: number
  readonly future: number
}

/** Which secret signed and when, or why the signature does not count. */
export type SignatureCheck =
  | { readonly valid: true; readonly secret: string; readonly age: number }
  | {
      readonly valid: false
      readonly reason: 'signature-missing' | 'signature-malformed' | 'signature-mismatch' | 'too-old' | 'in-future'
      readonly age?: number
    }

const longest = 4096
const mostSignatures = 16

/**
 * Verifies a `Stripe-Signature` header (docs.stripe.com/webhooks/signature): HMAC-SHA256 over `timestamp.payload`
 * under each secret, against each `v1`. The timestamp is judged only after the signature, so that a forger learns nothing of the clock.
 */
export function verifyStripeSignature(
  payload: Uint8Array,
  header: string | undefined,
  secrets: readonly StripeSecret[],
  tolerance: StripeTolerance,
  nowSeconds: number,
): SignatureCheck {
  if (header === undefined || header === '') return { valid: false, reason: 'signature-missing' }
  const parsed = header.length > longest ? undefined : parseHeader(header)
  if (!parsed) return { valid: false, reason: 'signature-malformed' }
  const age = Math.floor(nowSeconds) - Number(parsed.timestamp)
  const signer = secrets.find(({ secret }) => {
    const expected = createHmac('sha256', secret).update(`${parsed.timestamp}.`).update(payload).digest()
    return parsed.signatures.some((signature) => timingSafeEqual(signature, expected))
  })
  if (!signer) return { valid: false, reason: 'signature-mismatch', age }
  if (age > tolerance.past) return { valid: false, reason: 'too-old', age }
  if (-age > tolerance.future) return { valid: false, reason: 'in-future', age }
  return { valid: true, secret: signer.name, age }
}

function parseHeader(
  header: string,
): { readonly timestamp: string; readonly signatures: readonly Buffer[] } | undefined {
  let timestamp: string | undefined
  const signatures: Buffer[] = []
  for (const item of header.split(',')) {
    const at = item.indexOf('=')
    const name = item.slice(0, at).trim()
    const value = item.slice(at + 1).trim()
    if (name === 't') {
      if (timestamp !== undefined || !/^[1-9]\d{0,11}$/.test(value)) return undefined
      timestamp = value
    } else if (name === 'v1') {
      if (!/^[0-9a-f]{64}$/.test(value) || signatures.length === mostSignatures) return undefined
      signatures.push(Buffer.from(value, 'hex'))
    }
  }
  return timestamp === undefined || signatures.length === 0 ? undefined : { timestamp, signatures }
}

/** The header Stripe would send: for tests of an endpoint, and for {@link probeStripeWebhook}. */
export function signStripePayload(
  payload: string | Uint8Array,
  secret: string,
  timestamp: number = Math.floor(Date.now() / 1000),
): string {
  return `t=${timestamp},v1=${createHmac('sha256', secret).update(`${timestamp}.`).update(payload).digest('hex')}`
}
