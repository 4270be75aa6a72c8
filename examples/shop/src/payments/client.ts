import type { Pipeline } from '@shop/retry'

export interface Payment {
  readonly id: string
  /** The provider's own page, where the customer pays; card data never reaches the shop. */
  readonly url: string
}

export interface NewPayment {
  readonly orderId: number
  readonly amount: number
  readonly currency: string
  readonly email: string
  readonly returnTo: string
}

export interface Payments {
  begin(payment: NewPayment): Promise<Payment>
}

/**
 * The payment provider's API, as Stripe's Checkout Sessions have it: form-encoded, a secret key, and an idempotency key,
 * which is what lets the pipeline send a request again.
 */
export function createPayments(api: string, key: string, guard: Pipeline): Payments {
  return {
    async begin({ orderId, amount, currency, email, returnTo }) {
      const response = await guard.fetch(`${api}/v1/checkout/sessions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'idempotency-key': `order-${orderId}` },
        body: new URLSearchParams({
          'line_items[0][price_data][unit_amount]': String(amount),
          'line_items[0][price_data][currency]': currency,
          'payment_intent_data[metadata][order_id]': String(orderId),
          customer_email: email,
          success_url: returnTo,
          cancel_url: `${returnTo}?cancelled=1`,
        }),
      })
      if (!response.ok) throw new Error(`the payment provider answered ${response.status}`)
      const { id, url } = (await response.json()) as Payment
      return { id, url }
    },
  }
}
