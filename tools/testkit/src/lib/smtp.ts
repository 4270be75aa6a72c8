import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

/** A message as it came over the wire. */
export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body, undecoded. */
  readonly raw: string
}

export interface SmtpSink extends AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly mails: readonly Mail[]
  /** Answers the next message with this code (`451` temporary, `550` for good). */
  refuse(code: number): void
  close(): Promise<void>
}

/** A real SMTP dialogue that keeps what it is told; `options` as smtp-server takes them. */
export async function smtp(options: SMTPServerOptions = {}): Promise<SmtpSink> {
  const mails: Mail[] = []
  let refusal: number | undefined
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    ...options,
    async onData(stream, session, done) {
      const raw = await text(stream)
      const code = refusal
      refusal = undefined
      if (code) return done(Object.assign(new Error('refused by the test'), { responseCode: code }))
      const { mailFrom, rcptTo } = session.envelope
      const from = mailFrom ? mailFrom.address : ''
      mails.push({ from, to: rcptTo.map(({ address }) => address), raw })
      done()
    },
  })
  server.on('error', () => {}) // a client that hangs up is the client's failure
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.server.address() as AddressInfo
  const close = async (): Promise<void> => {
    await new Promise<void>((resolve) => server.close(resolve))
  }
  return {
    url: `smtp://127.0.0.1:${port}`,
    port,
    mails,
    refuse(code) {
      refusal = code
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
