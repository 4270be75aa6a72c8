import { setTimeout as sleep } from 'node:timers/promises'
import { CryptoError } from './errors.ts'

/** One call of a key service. */
export interface ServiceCall {
  readonly service: string
  readonly url: string
  /** Made anew for every attempt: a signature has a date. */
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  readonly body: string
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

/** What the service said. */
export interface ServiceAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

const attempts = 3

/**
 * Posts JSON and gives back any answer below 500 that is no throttling; tries at most three times, and never longer than `timeout` each.
 * @throws ERR_SHOP_CRYPTO_ENVELOPE, which names the service and the status, never the body.
 */
export async function callService(call: ServiceCall): Promise<ServiceAnswer> {
  let last: unknown
  for (let attempt = 1; attempt <= attempts; attempt++) {
    call.signal?.throwIfAborted()
    try {
      const timeout = AbortSignal.timeout(call.timeout)
      const response = await fetch(call.url, {
        method: 'POST',
        headers: await call.headers(),
        body: call.body,
        redirect: 'error',
        signal: call.signal ? AbortSignal.any([call.signal, timeout]) : timeout,
      })
      const text = await response.text()
      if (response.status < 500 && response.status !== 429 && !text.includes('ThrottlingException'))
        return { status: response.status, body: parse(text) }
      last = new Error(`status ${response.status}`)
    } catch (error) {
      last = error
    }
    if (attempt < attempts)
      await sleep(50 * 4 ** (attempt - 1), undefined, { ...(call.signal && { signal: call.signal }), ref: false })
  }
  throw new CryptoError('ERR_SHOP_CRYPTO_ENVELOPE', `${call.service} did not answer in ${attempts} attempts`, {
    cause: last,
  })
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
