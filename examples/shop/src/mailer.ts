import { createTransport } from 'nodemailer'

import { price } from './money.ts'

export interface Mailer {
  /** Tells the customer that the order is paid. */
  orderPaid(to: string, order: { id: number; totalCents: number }): Promise<void>
  close(): void
}

export function createMailer(smtp: string): Mailer {
  const transport = createTransport(smtp, {
    from: 'Hearth & Harbour <orders@shop.example>',
  })
  return {
    async orderPaid(to, { id, totalCents }) {
      await transport.sendMail({
        to,
        subject: `Order ${id} is paid`,
        text: `Thank you! We have received ${price(totalCents)} and are packing your order.`,
      })
    },
    close: () => transport.close(),
  }
}
