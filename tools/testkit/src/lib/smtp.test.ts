import nodemailer from 'nodemailer'
import { expect, test } from 'vitest'

import { smtp } from './smtp.ts'

test('a mail is kept as it came; the next can be refused', async () => {
  await using sink = await smtp()
  const sender = nodemailer.createTransport(sink.url)
  const mail = { from: 'a@shop.test', to: ['b@shop.test', 'c@shop.test'], subject: 'Stock', text: 'low' }
  sink.refuse(451)
  await expect(sender.sendMail(mail)).rejects.toMatchObject({ responseCode: 451 })
  await sender.sendMail(mail)
  sender.close()
  expect(sink.mails).toHaveLength(1)
  expect(sink.mails[0]).toMatchObject({ from: 'a@shop.test', to: ['b@shop.test', 'c@shop.test'] })
  expect(sink.mails[0]!.raw).toContain('Subject: Stock')
})
