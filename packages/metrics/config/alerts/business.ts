import { type Alert, type Input, series, TARGET } from '../alert.ts'

const { job } = TARGET
const orders = (status: string, values: string): Input => series('shop_orders_total', { status }, values)
const payments = (outcome: string, values: string): Input =>
  series('shop_payments_total', { provider: 'stripe', outcome }, values)
const value = (values: string): Input => series('shop_order_value_sum', { currency: 'EUR' }, values)

/** Is the shop earning? `unless` where a series may be missing: there is none of successes before the first. */
export const business: readonly Alert[] = [
  {
    name: 'ShopOrdersStopped',
    expr: 'sum by (job) (increase(shop_orders_total{status="placed"}[30m] offset 1h)) > 10 unless sum by (job) (increase(shop_orders_total{status="placed"}[30m])) > 0',
    severity: 'critical',
    team: 'business',
    summary: 'No order for half an hour',
    action: 'Place one yourself. Then: checkout errors, payment provider, prices, the consent banner over the button.',
    // the process that counted the last ones has gone
    fires: { series: [orders('placed', '0+1x60 stale')], at: '110m', labels: { job } },
    quiet: { series: [orders('placed', '0+0.05x120')], at: '110m' },
  },
  {
    name: 'ShopCheckoutStepFailing',
    expr: 'sum by (job, step) (rate(shop_checkout_steps_total{outcome="failed"}[10m])) / sum by (job, step) (rate(shop_checkout_steps_total[10m])) > 0.2 and sum by (job, step) (increase(shop_checkout_steps_total{outcome="failed"}[10m])) > 10',
    severity: 'critical',
    team: 'business',
    summary: 'One in five customers fails at {{ $labels.step }}',
    action:
      'Walk through the step yourself on a phone. Compare with the last deployment and with the provider behind it.',
    fires: {
      series: [
        series('shop_checkout_steps_total', { step: 'address', outcome: 'failed' }, '0+5x30'),
        series('shop_checkout_steps_total', { step: 'address', outcome: 'ok' }, '0+10x30'),
      ],
      labels: { job, step: 'address' },
    },
    quiet: {
      series: [
        series('shop_checkout_steps_total', { step: 'address', outcome: 'failed' }, '0+5x30'),
        series('shop_checkout_steps_total', { step: 'address', outcome: 'ok' }, '0+90x30'),
      ],
    },
  },
  {
    name: 'ShopPaymentsDown',
    expr: 'sum by (job, provider) (increase(shop_payments_total{outcome!="succeeded"}[10m])) > 5 unless sum by (job, provider) (increase(shop_payments_total{outcome="succeeded"}[10m])) > 0',
    for: '2m',
    severity: 'critical',
    team: 'payments',
    summary: 'Not one payment by {{ $labels.provider }} succeeds',
    action: 'See the status page of the provider; if it is down, offer the others first in the checkout.',
    fires: {
      series: [payments('error', '0+2x30')],
      labels: { job, provider: 'stripe' },
    },
    quiet: { series: [payments('succeeded', '0+2x30'), payments('error', '0+2x30')] },
  },
  {
    name: 'ShopPaymentErrors',
    expr: 'sum by (job, provider) (rate(shop_payments_total{outcome="error"}[10m])) / sum by (job, provider) (rate(shop_payments_total[10m])) > 0.1 and sum by (job, provider) (increase(shop_payments_total{outcome="error"}[10m])) > 5 and sum by (job, provider) (increase(shop_payments_total{outcome="succeeded"}[10m])) > 0',
    severity: 'critical',
    team: 'payments',
    summary: 'One in ten payments by {{ $labels.provider }} ends in an error',
    action:
      'Errors, not refusals: timeouts or a changed interface. Look at retries and the breaker, then at the provider.',
    fires: {
      series: [payments('succeeded', '0+10x30'), payments('error', '0+3x30')],
      labels: { job, provider: 'stripe' },
    },
    quiet: { series: [payments('succeeded', '0+100x30'), payments('error', '0+3x30')] },
  },
  {
    name: 'ShopPaymentDeclines',
    expr: 'sum by (job, provider) (rate(shop_payments_total{outcome="declined"}[30m])) / sum by (job, provider) (rate(shop_payments_total[30m])) > 0.4 and sum by (job, provider) (increase(shop_payments_total{outcome="declined"}[30m])) > 20 and sum by (job, provider) (increase(shop_payments_total{outcome="succeeded"}[30m])) > 0',
    severity: 'warning',
    team: 'payments',
    summary: 'Four in ten payments by {{ $labels.provider }} are declined',
    action:
      'Stolen cards are being tried (many small sums, new accounts): turn on 3-D Secure and the payment limit. Otherwise ask the provider.',
    fires: {
      series: [payments('succeeded', '0+1x60'), payments('declined', '0+2x60')],
      at: '45m',
      labels: { job, provider: 'stripe' },
    },
    quiet: { series: [payments('succeeded', '0+20x60'), payments('declined', '0+2x60')], at: '45m' },
  },
  {
    name: 'ShopPaymentsSlow',
    expr: 'histogram_quantile(0.9, sum by (job, provider, le) (rate(shop_payment_duration_seconds_bucket[10m]))) > 5',
    severity: 'warning',
    team: 'payments',
    summary: 'One in ten payments by {{ $labels.provider }} takes over five seconds',
    action: 'Customers click twice or leave. Look at the provider; idempotency keys keep the second click harmless.',
    fires: {
      series: [
        series('shop_payment_duration_seconds_bucket', { provider: 'stripe', le: '5.0' }, '0+1x30'),
        series('shop_payment_duration_seconds_bucket', { provider: 'stripe', le: '10.0' }, '0+9x30'),
        series('shop_payment_duration_seconds_bucket', { provider: 'stripe', le: '+Inf' }, '0+9x30'),
      ],
      labels: { job, provider: 'stripe' },
    },
    quiet: {
      series: [
        series('shop_payment_duration_seconds_bucket', { provider: 'stripe', le: '5.0' }, '0+9x30'),
        series('shop_payment_duration_seconds_bucket', { provider: 'stripe', le: '+Inf' }, '0+9x30'),
      ],
    },
  },
  {
    name: 'ShopRefundsMany',
    expr: 'sum by (job) (increase(shop_refunds_total{outcome="succeeded"}[1h])) > 10 unless sum by (job) (increase(shop_refunds_total{outcome="succeeded"}[1h])) <= 0.2 * sum by (job) (increase(shop_orders_total{status="paid"}[1h]))',
    for: '10m',
    severity: 'warning',
    team: 'business',
    summary: 'One refund for five paid orders',
    action: 'A faulty product or a double charge, or an account that refunds to itself: look at who refunds what.',
    fires: {
      series: [
        series('shop_refunds_total', { provider: 'stripe', outcome: 'succeeded' }, '0+1x120'),
        orders('paid', '0+2x120'),
      ],
      at: '90m',
      labels: { job },
    },
    quiet: {
      series: [
        series('shop_refunds_total', { provider: 'stripe', outcome: 'succeeded' }, '0+1x120'),
        orders('paid', '0+20x120'),
      ],
      at: '90m',
    },
  },
  {
    name: 'ShopRefundsFailing',
    expr: 'sum by (job, provider) (increase(shop_refunds_total{outcome=~"failed|error"}[30m])) > 3',
    severity: 'warning',
    team: 'payments',
    summary: 'Refunds by {{ $labels.provider }} fail',
    action: 'Customers wait for their money: look at the balance at the provider, and retry by hand.',
    fires: {
      series: [series('shop_refunds_total', { provider: 'stripe', outcome: 'failed' }, '0+1x60')],
      at: '45m',
      labels: { job, provider: 'stripe' },
    },
    quiet: { series: [series('shop_refunds_total', { provider: 'stripe', outcome: 'failed' }, '5x60')], at: '45m' },
  },
  {
    name: 'ShopOrdersFailing',
    expr: 'sum by (job) (increase(shop_orders_total{status="failed"}[15m])) > 0.1 * sum by (job) (increase(shop_orders_total{status="placed"}[15m])) and sum by (job) (increase(shop_orders_total{status="failed"}[15m])) > 5',
    severity: 'critical',
    team: 'business',
    summary: 'One in ten orders fails after it was placed',
    action:
      'They paid or are about to: look at stock reservation and the order transaction, and write to those customers.',
    fires: { series: [orders('failed', '0+1x40'), orders('placed', '0+3x40')], at: '30m', labels: { job } },
    quiet: { series: [orders('failed', '0+1x40'), orders('placed', '0+30x40')], at: '30m' },
  },
  {
    name: 'ShopOrderValueUnusual',
    expr: 'sum by (job) (increase(shop_order_value_sum[1h])) / sum by (job) (increase(shop_order_value_count[1h])) < 0.4 * sum by (job) (increase(shop_order_value_sum[1d])) / sum by (job) (increase(shop_order_value_count[1d])) and sum by (job) (increase(shop_order_value_count[1h])) > 10',
    for: '15m',
    severity: 'warning',
    team: 'business',
    summary: 'An order is worth less than half of what it was today',
    action: 'A wrong price or a voucher without limit is passed around: look at the cheapest orders of the last hour.',
    fires: {
      series: [value('0+500x285 142500+50x40'), series('shop_order_value_count', { currency: 'EUR' }, '0+5x325')],
      at: '26h',
      step: '5m',
      labels: { job },
    },
    quiet: {
      series: [value('0+500x330'), series('shop_order_value_count', { currency: 'EUR' }, '0+5x330')],
      at: '26h',
      step: '5m',
    },
  },
  {
    name: 'ShopCartsAbandoned',
    expr: 'sum by (job) (increase(shop_carts_total{outcome="created"}[1h])) > 50 unless sum by (job) (increase(shop_carts_total{outcome="checked_out"}[1h])) >= 0.05 * sum by (job) (increase(shop_carts_total{outcome="created"}[1h]))',
    for: '30m',
    severity: 'warning',
    team: 'business',
    summary: 'Fewer than one cart in twenty is checked out',
    action:
      'Something between cart and payment puts people off: shipping costs, a forced account, an error nobody reports.',
    fires: {
      series: [series('shop_carts_total', { outcome: 'created' }, '0+5x120')],
      at: '110m',
      labels: { job },
    },
    quiet: {
      series: [
        series('shop_carts_total', { outcome: 'created' }, '0+5x120'),
        series('shop_carts_total', { outcome: 'checked_out' }, '0+1x120'),
      ],
      at: '110m',
    },
  },
  {
    name: 'ShopOutOfStock',
    expr: 'max by (job) (shop_inventory_out_of_stock) > 5',
    for: '15m',
    severity: 'warning',
    team: 'business',
    summary: 'More than five products cannot be bought',
    action: 'Order them, or look whether the stock import ran.',
    fires: { series: [series('shop_inventory_out_of_stock', {}, '9x40')], at: '30m', labels: { job } },
    quiet: { series: [series('shop_inventory_out_of_stock', {}, '2x40')], at: '30m' },
  },
  {
    name: 'ShopStockNegative',
    expr: 'min by (job, sku) (shop_inventory_units) < 0',
    for: '1m',
    severity: 'critical',
    team: 'business',
    summary: '{{ $labels.sku }} was sold more often than there is',
    action:
      'Two orders took the same unit: stop the product, look at how the stock is reserved, write to the last customers.',
    fires: { series: [series('shop_inventory_units', { sku: 'mug' }, '-1x20')], labels: { job, sku: 'mug' } },
    quiet: { series: [series('shop_inventory_units', { sku: 'mug' }, '0x20')] },
  },
  {
    name: 'ShopMailsFailing',
    expr: 'sum by (job, template) (rate(shop_emails_total{outcome="failed"}[15m])) / sum by (job, template) (rate(shop_emails_total[15m])) > 0.2 and sum by (job, template) (increase(shop_emails_total{outcome="failed"}[15m])) > 5',
    severity: 'warning',
    team: 'business',
    summary: 'Mails of the kind {{ $labels.template }} do not leave',
    action: 'Look at the mail server and its limits; customers without a confirmation write to support.',
    fires: {
      series: [
        series('shop_emails_total', { template: 'order', outcome: 'failed' }, '0+1x40'),
        series('shop_emails_total', { template: 'order', outcome: 'sent' }, '0+1x40'),
      ],
      at: '30m',
      labels: { job, template: 'order' },
    },
    quiet: {
      series: [
        series('shop_emails_total', { template: 'order', outcome: 'failed' }, '0+1x40'),
        series('shop_emails_total', { template: 'order', outcome: 'sent' }, '0+20x40'),
      ],
      at: '30m',
    },
  },
]
