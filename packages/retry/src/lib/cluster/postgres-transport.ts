import { readOptions, refused } from '../options.ts'
import type { Transport } from './transport.ts'

/** What is used of a `pg` client of its own: not one from a pool, for LISTEN belongs to the connection. */
export interface ListeningClient {
  connect(): Promise<unknown>
  query(text: string, values?: unknown[]): Promise<unknown>
  on(event: 'notification', listener: (message: { payload?: string | undefined }) => void): unknown
  on(event: 'error' | 'end', listener: (error?: Error) => void): unknown
  end(): Promise<void>
}

/** How {@link postgresTransport} connects. */
export interface PostgresTransportOptions {
  /** The notification channel; letters, digits and underscores. @default 'shop_retry' */
  readonly channel?: string
}

const CHANNEL = /^\w{1,63}$/
const FIRST_MS = 100
const LONGEST_MS = 5000

/**
 * Messages over LISTEN/NOTIFY on a connection of its own: `postgresTransport(() => new Client(url))`. Reconnects with a growing
 * pause; while it is down messages are dropped.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function postgresTransport(makeClient: () => ListeningClient, options?: PostgresTransportOptions): Transport {
  const { channel } = readOptions('postgresTransport', options, {
    channel: (option, value = 'shop_retry') => {
      if (typeof value === 'string' && CHANNEL.test(value)) return value
      throw refused(option, value, 'up to 63 letters, digits and underscores')
    },
  })
  let client: ListeningClient | undefined
  let timer: NodeJS.Timeout | undefined
  let disposed = false
  let pause = FIRST_MS

  const connect = async (onMessage: (message: string) => void, onState: (up: boolean) => void): Promise<void> => {
    const fresh = makeClient()
    let lost = false
    const again = (): void => {
      if (lost) return
      lost = true
      if (client === fresh) client = undefined
      onState(false)
      void fresh.end().catch(() => undefined)
      if (disposed) return
      timer = setTimeout(() => void connect(onMessage, onState), pause).unref()
      pause = Math.min(LONGEST_MS, pause * 2)
    }
    fresh.on('error', again)
    fresh.on('end', again)
    fresh.on('notification', ({ payload }) => payload !== undefined && onMessage(payload))
    try {
      await fresh.connect()
      await fresh.query(`listen "${channel}"`)
      if (lost) return
      if (disposed) return await fresh.end()
      client = fresh
      pause = FIRST_MS
      onState(true)
    } catch {
      again()
    }
  }
  return {
    start: (onMessage, onState) => void connect(onMessage, onState),
    async send(message) {
      try {
        await client?.query('select pg_notify($1, $2)', [channel, message])
        return client !== undefined
      } catch {
        return false
      }
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      clearTimeout(timer)
      await client?.end().catch(() => undefined)
    },
  }
}
