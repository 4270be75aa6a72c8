import { channel } from 'node:diagnostics_channel'

import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { observeShop } from './observe-shop.ts'

describe('observing the other packages', () => {
  it.each([
    [
      'shop:middleware:denied',
      { policy: 'csrf', denial: { code: 'csrf' } },
      'shop_denials_total{policy="csrf",code="csrf"} 1',
    ],
    [
      'shop:middleware:policy-failed',
      { policy: 'x', stage: 'evaluate', passed: false },
      'shop_policy_failures_total{policy="x",stage="evaluate",passed="false"} 1',
    ],
    [
      'shop:security-middleware:csrf-refused',
      { reason: 'cross-site' },
      'shop_csrf_rejections_total{reason="cross-site"} 1',
    ],
    [
      'shop:security-middleware:stripe-refused',
      { reason: 'signature' },
      'shop_webhook_verifications_total{provider="stripe",outcome="signature"} 1',
    ],
    [
      'shop:crypto:decrypt-failed',
      { reason: 'failed-check', table: 'customers', column: 'email' },
      'shop_crypto_decrypt_failures_total{table="customers",column="email",reason="failed-check"} 1',
    ],
    [
      'shop:rate-limit:decision',
      { limiter: 'login', decision: 'denied' },
      'shop_rate_limit_decisions_total{limiter="login",decision="denied"} 1',
    ],
  ])('counts what is told on %s', async (name, message, line) => {
    const register = new Registry()
    using _ = observeShop({ register })
    channel(name).publish(message)
    expect(await expositionText(register)).toContain(line)
  })

  it('makes no label of what it does not know, and ends when disposed of', async () => {
    const register = new Registry()
    {
      using _ = observeShop({ register })
      for (const message of [undefined, null, 7, {}, { reason: { a: 1 } }, { reason: '"} evil' }])
        channel('shop:security-middleware:csrf-refused').publish(message)
    }
    channel('shop:security-middleware:csrf-refused').publish({ reason: 'late' })
    const text = await expositionText(register)
    expect(text).toContain('shop_csrf_rejections_total{reason="unknown"} 6')
    expect(text).not.toContain('late')
  })
})
