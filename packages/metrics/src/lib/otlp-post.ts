import { type Duration, milliseconds } from './duration.ts'
import { MetricsError } from './errors.ts'

/** Where an OTLP/HTTP receiver listens. */
export interface OtlpOptions {
  /** The whole URL: `http://collector:4318/v1/traces` or `…/v1/metrics`. */
  readonly url: string
  /** The service's name, as backends show it. @default 'shop' */
  readonly serviceName?: string
  /** Further headers, an API key for one. */
  readonly headers?: Readonly<Record<string, string>>
  /** How often is sent. @default '10s' */
  readonly interval?: Duration
  /** How long one sending may take. @default '5s' */
  readonly timeout?: Duration
}

/** An attribute as OTLP writes it in JSON. */
export interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue: string } | { readonly intValue: string }
}

/** Attributes from plain values; empty ones are left out. */
export function attributes(values: Readonly<Record<string, string | number>>): readonly Attribute[] {
  return Object.entries(values)
    .filter(([, value]) => value !== '')
    .map(([key, value]) => ({
      key,
      // half of a surrogate pair is no text in protobuf, and would cost the whole batch
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value.toWellFormed() },
    }))
}

/**
 * Sends at intervals, one at a time, and a last time when disposed of. A receiver that is gone is no error of the
 * shop, nor is a batch that cannot be made: what was not taken is dropped, and the next is tried.
 */
export function sending(
  where: string,
  options: OtlpOptions,
  batch: () => object | undefined | Promise<object | undefined>,
): AsyncDisposable & { flush(): Promise<boolean> } {
  const { url, headers = {} } = options
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new MetricsError('ERR_SHOP_METRICS_OPTION', `${where}: url ${JSON.stringify(url)} is not an http(s) URL`)
  }
  const interval = milliseconds(`${where}: interval`, options.interval, '10s', 10)
  const timeout = milliseconds(`${where}: timeout`, options.timeout, '5s', 10)
  let last: Promise<boolean> = Promise.resolve(true)
  let waiting = 0

  async function send(): Promise<boolean> {
    try {
      const body = await batch()
      if (body === undefined) return true
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeout),
      })
      await response.body?.cancel()
      return response.ok
    } catch {
      return false
    } finally {
      waiting--
    }
  }
  function flush(): Promise<boolean> {
    waiting++
    return (last = last.then(send))
  }
  // a receiver slower than the interval makes no queue
  const timer = setInterval(() => void (waiting === 0 && flush()), interval).unref()
  return {
    flush,
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await flush()
    },
  }
}
