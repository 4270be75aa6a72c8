import { readOptions, refused } from '../options.ts'
import type { Transport } from './transport.ts'

/** What is used of an `ioredis` client. */
export interface PubSub {
  duplicate(override?: { readonly autoResubscribe: boolean }): PubSub
  subscribe(channel: string): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'ready' | 'close' | 'error', listener: () => void): unknown
  readonly status: string
  disconnect(): void
}

/** How {@link redisTransport} connects. */
export interface RedisTransportOptions {
  /** @default 'shop:retry' */
  readonly channel?: string
}

/**
 * Messages over Redis pub/sub. Listens on a duplicate of the client, which reconnects by itself and is subscribed again; while Redis
 * is away messages are dropped, not queued.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function redisTransport(redis: PubSub, options?: RedisTransportOptions): Transport {
  const { channel } = readOptions('redisTransport', options, {
    channel: (option, value = 'shop:retry') => {
      if (typeof value === 'string' && value !== '') return value
      throw refused(option, value, 'a non-empty string')
    },
  })
  // a subscription that ioredis renews by itself rejects where nobody hears it when the link ends meanwhile
  const listener = redis.duplicate({ autoResubscribe: false })
  return {
    start(onMessage, onState) {
      const listen = (): void =>
        void listener.subscribe(channel).then(
          () => onState(true),
          () => undefined,
        )
      listener.on('message', (from, message) => from === channel && onMessage(message))
      listener.on('ready', listen)
      listener.on('close', () => onState(false))
      listener.on('error', () => undefined)
      listen()
    },
    async send(message) {
      if (redis.status !== 'ready') return false
      try {
        await redis.publish(channel, message)
        return true
      } catch {
        return false
      }
    },
    async [Symbol.asyncDispose]() {
      listener.disconnect()
    },
  }
}
