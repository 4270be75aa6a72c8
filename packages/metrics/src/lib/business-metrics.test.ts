import { Registry } from 'prom-client'
import { expect, it } from 'vitest'

import { businessMetrics } from './business-metrics.ts'
import { expositionText } from './exposition.ts'

it('counts what a shop lives of', async () => {
  const register = new Registry()
  let gone = 3
  const shop = businessMetrics({ register, orderValueBuckets: [10, 100], readOutOfStock: () => Promise.resolve(gone) })
  shop.orders.inc({ status: 'placed' })
  shop.orderValue.observe({ currency: 'EUR' }, 49.9)
  shop.checkoutSteps.inc({ step: 'address', outcome: 'ok' })
  shop.payments.inc({ provider: 'stripe', outcome: 'succeeded' })
  shop.paymentDuration.observe({ provider: 'stripe' }, 0.4)
  shop.refunds.inc({ provider: 'stripe', outcome: 'failed' })
  shop.inventory.set({ sku: 'mug' }, 7)
  shop.carts.inc({ outcome: 'created' })
  shop.signins.inc({ outcome: 'failed' })
  shop.emails.inc({ template: 'order', outcome: 'sent' })
  const text = await expositionText(register)
  for (const line of [
    'shop_orders_total{status="placed"} 1',
    'shop_order_value_bucket{currency="EUR",le="100.0"} 1',
    'shop_checkout_steps_total{step="address",outcome="ok"} 1',
    'shop_payments_total{provider="stripe",outcome="succeeded"} 1',
    'shop_payment_duration_seconds_count{provider="stripe"} 1',
    'shop_refunds_total{provider="stripe",outcome="failed"} 1',
    'shop_inventory_units{sku="mug"} 7',
    'shop_inventory_out_of_stock 3',
    'shop_carts_total{outcome="created"} 1',
    'shop_signins_total{outcome="failed"} 1',
    'shop_emails_total{template="order",outcome="sent"} 1',
  ]) {
    expect(text).toContain(`${line}\n`)
  }
  gone = 0
  expect(await expositionText(register)).toContain('shop_inventory_out_of_stock 0\n')
})
