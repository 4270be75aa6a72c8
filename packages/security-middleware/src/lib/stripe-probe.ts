import type { Policy, Verdict } from '@shop/middleware'

import { SecurityError } from './errors.ts'
import { signStripePayload } from './stripe-signature.ts'

// the blanks and the escape do not survive a parser that writes the JSON anew
const probe = Buffer.from('{ "shop":  "webhook\\u0020probe" }')
const proof = '{"probe":"passed"}'

const secretOf = new WeakMap<Policy, string>()

/** Lets {@link probeStripeWebhook} sign for a policy. */
export function rememberForProbe(policy: Policy, secret: string): void {
  secretOf.set(policy, secret)
}

/** Whether a verified payload is the probe. */
export function isProbe(payload: Uint8Array): boolean {
  return probe.equals(payload)
}

export const probeAnswer: Verdict = {
  answer: { status: 200, headers: [['content-type', 'application/json']], body: proof },
}

/**
 * Asks a running server, at boot, whether its webhook sees the bytes that were sent: posts a signed probe that no
 * handler is given. It fails when `protect()` stands behind a body parser, or not on that path at all.
 *
 * @throws ERR_SHOP_SECURITY_RAW_BODY with what came back
 * @example
 * server.listen(port, () => probeStripeWebhook(webhook, `http://127.0.0.1:${port}/webhooks/stripe`))
 */
export async function probeStripeWebhook(
  policy: Policy,
  url: string,
  options: { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  const secret = secretOf.get(policy)
  if (secret === undefined)
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'probeStripeWebhook() takes the policy that stripeWebhook() made.',
    )
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...options.headers,
      'stripe-signature': signStripePayload(probe, secret),
    },
    body: probe,
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
  })
  const said = (await response.text()).slice(0, 300)
  if (response.status === 200 && said === proof) return
  throw new SecurityError(
    'ERR_SHOP_SECURITY_RAW_BODY',
    `The webhook at ${new URL(url).pathname} did not see its probe: ${response.status} ${JSON.stringify(said)}. Put protect(stripeWebhook()) before body parsers and routers, on that path.`,
  )
}
