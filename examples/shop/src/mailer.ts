import type { Pipeline } from '@shop/retry'
import { createTransport } from 'nodemailer'

import { price } from './money.ts'

export interface Mailer {
  /** Tells the customer that the order is paid. */
  orderPaid(to: string, order: { id: number; totalCents: number }): Promise<void>
  /** Gives up what has not been sent. */
  close(): void
}

export function createMailer(smtp: string, guard: Pipeline): Mailer {
  const closed = new AbortController()
  const transport = createTransport(smtp, {
    from: 'Hearth & Harbour <orders@shop.example>',
  })
  return {
    async orderPaid(to, { id, totalCents }) {
      const letter = {
        to,
        subject: `Order ${id} is paid`,
        text: `Thank you! We have received ${price(totalCents)} and are packing your order.`,
      }
      await guard.run(() => transport.sendMail(letter), { signal: closed.signal, priority: 'background' })
    },
    close() {
      closed.abort()
      transport.close()
    },
  }
}
