import { randomUUID } from 'node:crypto'

import type { Duration } from '../duration.ts'
import { RetryError } from '../errors.ts'
import { duration, readOptions } from '../options.ts'
import type { Claim, ClaimOptions, IdempotencyStore } from './store.ts'

/** What is used of an `ioredis` client. */
export interface RedisScripts {
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>
}

/** How {@link redisStore} keeps keys. */
export interface RedisStoreOptions {
  /** How long a completed key is remembered. @default '24h' */
  readonly ttl?: Duration
  /** What every key begins with. @default 'shop:idempotency:' */
  readonly prefix?: string
}

const CLAIM = `
local known = redis.call('hmget', KEYS[1], 'fingerprint', 'done', 'result')
if known[1] then
  if known[1] ~= ARGV[1] then return {'mismatch'} end
  if known[2] then return {'completed', known[3] or ''} end
  return {'in-flight'}
end
redis.call('hset', KEYS[1], 'fingerprint', ARGV[1], 'token', ARGV[2])
redis.call('pexpire', KEYS[1], ARGV[3])
return {'claimed'}`
const COMPLETE = `
if redis.call('hget', KEYS[1], 'token') ~= ARGV[1] or redis.call('hexists', KEYS[1], 'done') == 1 then return 0 end
redis.call('hset', KEYS[1], 'done', '1')
if ARGV[2] ~= '' then redis.call('hset', KEYS[1], 'result', ARGV[2]) end
redis.call('pexpire', KEYS[1], ARGV[3])
return 1`
const RELEASE = `
if redis.call('hget', KEYS[1], 'token') == ARGV[1] and redis.call('hexists', KEYS[1], 'done') == 0 then redis.call('del', KEYS[1]) end
return 0`

/**
 * Keeps keys in Redis. At least once: the effect and its record are two steps, and a process killed between them leaves a claim
 * that ends with its lease. Use {@link postgresStore} in the handler's transaction where twice is too often.
 * @throws `ERR_SHOP_RETRY_OPTION`, `ERR_SHOP_RETRY_OPTION_UNKNOWN`
 */
export function redisStore(redis: RedisScripts, options?: RedisStoreOptions): IdempotencyStore {
  const { ttl, prefix } = readOptions('redisStore', options, {
    ttl: duration(1, '8760h', '24h'),
    prefix: (_option, value) => String(value ?? 'shop:idempotency:'),
  })
  return {
    async claim(key: string, { fingerprint, lease }: ClaimOptions): Promise<Claim> {
      const id = randomUUID()
      const answer = await redis.eval(CLAIM, 1, prefix + key, fingerprint, id, Math.ceil(lease))
      const [state, result] = Array.isArray(answer) ? (answer as string[]) : []
      if (state === 'claimed') return { state, token: `${id}:${key}` }
      if (state === 'completed') return result ? { state, result: JSON.parse(result) as unknown } : { state }
      if (state === 'in-flight' || state === 'mismatch') return { state }
      throw new RetryError('ERR_SHOP_RETRY_STORE', 'Redis answered a claim with something that is no claim')
    },
    async complete(token: string, result?: unknown): Promise<void> {
      const [id, key] = split(token)
      await redis.eval(
        COMPLETE,
        1,
        prefix + key,
        id,
        result === undefined ? '' : JSON.stringify(result),
        Math.ceil(ttl),
      )
    },
    async release(token: string): Promise<void> {
      const [id, key] = split(token)
      await redis.eval(RELEASE, 1, prefix + key, id)
    },
  }
}

const UUID_LENGTH = 36

function split(token: string): [id: string, key: string] {
  return [token.slice(0, UUID_LENGTH), token.slice(UUID_LENGTH + 1)]
}
