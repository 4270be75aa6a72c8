import { channel } from 'node:diagnostics_channel'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'

import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'

import { expositionText } from './exposition.ts'
import { observations } from './observations.ts'
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
      'shop:security-middleware:suspicious',
      { kind: 'attack', class: 'sqli', decision: 'refused' },
      'shop_suspicious_requests_total{kind="attack",class="sqli",decision="refused"} 1',
    ],
    ['shop:security-middleware:sanitized', { fields: ['a'], removed: 2 }, 'shop_sanitized_requests_total 1'],
    [
      'shop:security-middleware:engine-failed',
      { engine: 'crs' },
      'shop_inspection_engine_failures_total{engine="crs"} 1',
    ],
    [
      'shop:security-middleware:score-store-failed',
      { operation: 'add' },
      'shop_score_store_failures_total{operation="add"} 1',
    ],
    ['shop:retry:limit', { pipeline: 'stripe', from: 20, to: 12 }, 'shop_retry_limit{pipeline="stripe"} 12'],
    ['shop:audit:flushed', { lane: 'critical', rows: 7, seconds: 1 }, 'shop_audit_rows_total{lane="critical"} 7'],
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

  it('hears every channel that a package publishes', () => {
    const packages = path.join(import.meta.dirname, '../../..')
    const published = globSync('*/src/**/*.ts', { cwd: packages, exclude: ['metrics/**', '**/*.test.ts'] }).flatMap(
      (file) => {
        const text = readFileSync(path.join(packages, file), 'utf8')
        return [...text.matchAll(/'(shop:[a-z-]+:[a-z-]+)'/g)].map(([, name]) => name!)
      },
    )
    expect(published.length).toBeGreaterThan(20)
    expect(Object.keys(observations({ register: new Registry() }))).toEqual(expect.arrayContaining(published))
  })

  it('counts once however often it is installed, and again after it was disposed of', async () => {
    const register = new Registry()
    const first = observeShop({ register })
    expect(observeShop({ register })).toBe(first)
    channel('shop:security-middleware:sanitized').publish({})
    first[Symbol.dispose]()
    channel('shop:security-middleware:sanitized').publish({})
    using _ = observeShop({ register })
    channel('shop:security-middleware:sanitized').publish({})
    expect(await expositionText(register)).toContain('shop_sanitized_requests_total 2')
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
