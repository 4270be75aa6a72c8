import { randomUUID } from 'node:crypto'

import type { Claim, ClaimStore } from './claim-store.ts'
import { type Duration, milliseconds } from './duration.ts'
import { SecurityError } from './errors.ts'
import { knownOptions } from './options.ts'

/** What is used of `ioredis`. */
export interface RedisCommands {
  eval(script: string, numberOfKeys: number, ...args: (string | number)[]): Promise<unknown>
}

/** Options of {@link redisStore}. */
export interface RedisStoreOptions {
  readonly redis: RedisCommands
  /** Put before every key. @default 'shop:claims:' */
  readonly prefix?: string
  /** How long a completed claim is kept. @default '3d', as long as Stripe tries again */
  readonly retention?: Duration
}

// one hash a key: f fingerprint, t token, u lease end by the server's clock, r result once it is complete
const clock = `local at = redis.call('TIME') local now = at[1] * 1000 + math.floor(at[2] / 1000)`
const claimLua = `${clock}
local held = redis.call('HMGET', KEYS[1], 'f', 't', 'u', 'r')
if held[1] then
  if held[1] ~= ARGV[1] then return {'mismatch'} end
  if held[4] then return {'completed', held[4]} end
  if tonumber(held[3]) > now then return {'in-flight'} end
end
redis.call('HSET', KEYS[1], 'f', ARGV[1], 't', ARGV[2], 'u', now + ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.max(tonumber(ARGV[3]), tonumber(ARGV[4])))
return {'claimed'}`
const completeLua = `
if redis.call('HGET', KEYS[1], 't') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'r') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'r', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`
const releaseLua = `
if redis.call('HGET', KEYS[1], 't') == ARGV[1] and redis.call('HEXISTS', KEYS[1], 'r') == 0 then redis.call('DEL', KEYS[1]) end
return 1`
const advanceLua = `
local before = redis.call('GET', KEYS[1])
if before and tonumber(before) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`

/**
 * Claims in Redis, for several processes. What they guard is done at least once: a process that dies after the effect
 * and before `complete()` is taken for one that did nothing, and Redis itself may lose its last second.
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION, ERR_SHOP_SECURITY_DURATION
 */
export function redisStore(options: RedisStoreOptions): Required<ClaimStore> {
  knownOptions('redisStore()', options, ['redis', 'prefix', 'retention'])
  const { redis, prefix = 'shop:claims:' } = options
  if (typeof redis?.eval !== 'function')
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'redis must be an ioredis client, or something with its eval().',
    )
  const retention = milliseconds('retention', options.retention ?? '3d')
  // a token says which key it is for
  const keyOf = (token: string): string => prefix + token.slice(37)
  return {
    async claim(key, { fingerprint, lease }) {
      const token = `${randomUUID()} ${key}`
      const [state, result] = (await redis.eval(claimLua, 1, prefix + key, fingerprint, token, lease, retention)) as [
        Claim['state'],
        string?,
      ]
      if (state === 'claimed') return { state, token }
      if (state !== 'completed') return { state }
      return { state, result: result === undefined || result === '' ? undefined : JSON.parse(result) }
    },
    async complete(token, result) {
      const text = result === undefined ? '' : JSON.stringify(result)
      if ((await redis.eval(completeLua, 1, keyOf(token), token, text, retention)) === 1) return
      throw new SecurityError(
        'ERR_SHOP_SECURITY_CLAIM',
        'complete(): this claim’s lease ran out and another took over.',
      )
    },
    async release(token) {
      await redis.eval(releaseLua, 1, keyOf(token), token)
    },
    async advance(key, position) {
      return (await redis.eval(advanceLua, 1, `${prefix}position:${key}`, position, retention)) === 1
    },
  }
}
