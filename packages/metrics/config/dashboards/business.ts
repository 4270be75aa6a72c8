import type { DashboardSpec } from './dashboard.ts'
import { now, orZero, quantile, rate, SELECTED } from './panel.ts'

const risen = (name: string, more = ''): string =>
  `increase(${name}{${SELECTED}${more && `, ${more}`}}[$__rate_interval])`

export const business: DashboardSpec = {
  uid: 'shop-business',
  title: 'Shop / Business',
  about: 'Orders, money, checkout and stock.',
  rows: {
    Orders: [
      {
        title: 'Orders',
        about: 'Orders a minute, by status.',
        unit: 'short',
        queries: [[`sum by (status) (${rate('shop_orders_total')}) * 60`, '{{status}}']],
      },
      {
        title: 'Revenue',
        about: 'Value of orders a minute, by currency.',
        unit: 'short',
        queries: [[`sum by (currency) (${rate('shop_order_value_sum')}) * 60`, '{{currency}}']],
      },
      {
        title: 'Order value',
        about: 'Median and 95th percentile of an order.',
        unit: 'short',
        queries: [
          [quantile(0.5, 'shop_order_value', 'currency'), '50 % {{currency}}'],
          [quantile(0.95, 'shop_order_value', 'currency'), '95 % {{currency}}'],
        ],
      },
      {
        title: 'Carts',
        about: 'Carts a minute, by what became of them.',
        unit: 'short',
        queries: [[orZero(`sum by (outcome) (${rate('shop_carts_total')}) * 60`), '{{outcome}}']],
      },
    ],
    Checkout: [
      {
        title: 'Steps of the checkout',
        about: 'Customers at each step a minute.',
        unit: 'short',
        queries: [
          [orZero(`sum by (step, outcome) (${rate('shop_checkout_steps_total')}) * 60`), '{{step}} {{outcome}}'],
        ],
      },
      {
        title: 'Paid of placed',
        about: 'Share of placed orders that became paid in the same time.',
        unit: 'percentunit',
        queries: [
          [
            `sum(${risen('shop_orders_total', 'status="paid"')}) / sum(${risen('shop_orders_total', 'status="placed"')})`,
            'paid',
          ],
        ],
      },
      {
        title: 'Payments',
        about: 'Payments a minute, by provider and outcome.',
        unit: 'short',
        queries: [
          [orZero(`sum by (provider, outcome) (${rate('shop_payments_total')}) * 60`), '{{provider}} {{outcome}}'],
        ],
      },
      {
        title: 'Payment duration',
        about: '95th percentile of a provider’s answer.',
        unit: 's',
        queries: [[orZero(quantile(0.95, 'shop_payment_duration_seconds', 'provider')), '{{provider}}']],
      },
      {
        title: 'Refunds',
        about: 'Refunds a minute, by provider and outcome.',
        unit: 'short',
        queries: [
          [orZero(`sum by (provider, outcome) (${rate('shop_refunds_total')}) * 60`), '{{provider}} {{outcome}}'],
        ],
      },
    ],
    'Stock and mail': [
      {
        title: 'Out of stock',
        about: 'Products that cannot be bought.',
        unit: 'short',
        queries: [[`max(${now('shop_inventory_out_of_stock')})`, 'products']],
      },
      {
        title: 'Mails',
        about: 'Mails a minute, by kind and outcome.',
        unit: 'short',
        queries: [
          [orZero(`sum by (template, outcome) (${rate('shop_emails_total')}) * 60`), '{{template}} {{outcome}}'],
        ],
      },
    ],
  },
}
