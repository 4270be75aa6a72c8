import { type Counter, counter } from './counter.ts'
import { type Gauge, gauge } from './gauge.ts'
import { type Histogram, histogram } from './histogram.ts'
import { onlyKnown } from './options.ts'
import type { Register } from './register.ts'

/** What {@link businessMetrics} takes. */
export interface BusinessMetricsOptions {
  /** @default prom-client's global registry */
  readonly register?: Register
  /** Upper bounds of order values, in the currency's main unit. @default 5 to 5000 */
  readonly orderValueBuckets?: readonly number[]
  /** Asked at each scrape: how many products cannot be bought now. Without it, set `outOfStock` yourself. */
  readonly readOutOfStock?: () => number | Promise<number>
}

/** What a shop counts about its trade. */
export interface BusinessMetrics {
  /** `shop_orders_total` by `status`: `placed`, `paid`, `cancelled`, `failed`. */
  readonly orders: Counter<'status'>
  /** `shop_order_value`, in the main unit of `currency`. */
  readonly orderValue: Histogram<'currency'>
  /** `shop_checkout_steps_total` by `step` and `outcome` (`ok`, `failed`). */
  readonly checkoutSteps: Counter<'step' | 'outcome'>
  /** `shop_payments_total` by `provider` and `outcome`: `succeeded`, `declined`, `error`. */
  readonly payments: Counter<'provider' | 'outcome'>
  /** `shop_payment_duration_seconds` by `provider`. */
  readonly paymentDuration: Histogram<'provider'>
  /** `shop_refunds_total` by `provider` and `outcome`. */
  readonly refunds: Counter<'provider' | 'outcome'>
  /** `shop_inventory_units`, what is in stock of a `sku`. */
  readonly inventory: Gauge<'sku'>
  /** `shop_inventory_out_of_stock`, products that cannot be bought now. */
  readonly outOfStock: Gauge
  /** `shop_carts_total` by `outcome`: `created`, `checked_out`, `abandoned`. */
  readonly carts: Counter<'outcome'>
  /** `shop_signins_total` by `outcome`: `ok`, `failed`, `locked`. */
  readonly signins: Counter<'outcome'>
  /** `shop_emails_total` by `template` and `outcome`. */
  readonly emails: Counter<'template' | 'outcome'>
}

const VALUES: readonly number[] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000]
const SECONDS: readonly number[] = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/**
 * The `shop_*` metrics of a shop's trade, which the rules and dashboards of this package name. Never put a customer
 * into a label.
 */
export function businessMetrics(options: BusinessMetricsOptions = {}): BusinessMetrics {
  onlyKnown('businessMetrics()', options, ['register', 'orderValueBuckets', 'readOutOfStock'])
  const place = options.register && { register: options.register }
  const counts = <const L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    counter({ ...place, name, help, labelNames })
  const { readOutOfStock } = options
  const outOfStock: Gauge = gauge({
    ...place,
    name: 'shop_inventory_out_of_stock',
    help: 'Products out of stock',
    aggregator: 'max',
    ...(readOutOfStock && { collect: async () => outOfStock.set(await readOutOfStock()) }),
  })
  return {
    orders: counts('shop_orders_total', 'Orders by status', 'status'),
    orderValue: histogram({
      ...place,
      name: 'shop_order_value',
      help: 'Value of orders in the main unit of their currency',
      labelNames: ['currency'],
      buckets: options.orderValueBuckets ?? VALUES,
    }),
    checkoutSteps: counts('shop_checkout_steps_total', 'Steps of the checkout by outcome', 'step', 'outcome'),
    payments: counts('shop_payments_total', 'Payments by provider and outcome', 'provider', 'outcome'),
    paymentDuration: histogram({
      ...place,
      name: 'shop_payment_duration_seconds',
      help: 'How long a payment provider took to answer',
      labelNames: ['provider'],
      buckets: SECONDS,
      exemplars: true,
    }),
    refunds: counts('shop_refunds_total', 'Refunds by provider and outcome', 'provider', 'outcome'),
    inventory: gauge({
      ...place,
      name: 'shop_inventory_units',
      help: 'Units in stock',
      labelNames: ['sku'],
      aggregator: 'max',
    }),
    outOfStock,
    carts: counts('shop_carts_total', 'Carts by outcome', 'outcome'),
    signins: counts('shop_signins_total', 'Sign-ins by outcome', 'outcome'),
    emails: counts('shop_emails_total', 'Mails by template and outcome', 'template', 'outcome'),
  }
}
