import { type ClientScore, faded, leastScore, type ScoreStore } from './client-score.ts'
import { SecurityError } from './errors.ts'
import { knownOptions } from './options.ts'
import type { RedisCommands } from './redis-store.ts'

/** Options of {@link redisScores}. */
export interface RedisScoresOptions {
  readonly redis: RedisCommands
  /** Put before every key. @default 'shop:scores:' */
  readonly prefix?: string
}

/** Scores in Redis. */
export interface RedisScores extends ScoreStore {
  readonly shared: true
  add(...call: Parameters<ScoreStore['add']>): Promise<ClientScore>
  read(...call: Parameters<ScoreStore['read']>): Promise<ClientScore | undefined>
  forgive(client: string): Promise<void>
}

// one hash a client: s score, a when it was added to, j jailed until. ARGV: points, now, half-life, jailed at, jailed for.
// raised() of client-score.ts; %.17g is a double without loss, where tostring() cuts it
const addLua = `
local held = redis.call('HMGET', KEYS[1], 's', 'a', 'j')
local points, now, half, at, sentence = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local score, jailed, since = 0, 0, now
if held[1] then
  local until_ = tonumber(held[3])
  if until_ == 0 or until_ > now then
    jailed = until_
    since = math.max(now, tonumber(held[2]))
    score = tonumber(held[1]) * 0.5 ^ (math.max(0, now - tonumber(held[2])) / half)
    if score < ${leastScore} then score = 0 end
  end
end
score = math.min(score + points, at * 4)
if jailed == 0 and score >= at then jailed = since + sentence end
local left = jailed ~= 0 and jailed - since or half * math.log(math.max(score, ${leastScore}) / ${leastScore}) / math.log(2)
local function exact(number) return string.format('%.17g', number) end
redis.call('HSET', KEYS[1], 's', exact(score), 'a', exact(since), 'j', exact(jailed))
redis.call('PEXPIRE', KEYS[1], math.max(1, math.ceil(left)))
return {exact(score), exact(since), exact(jailed)}`
const readLua = `return redis.call('HMGET', KEYS[1], 's', 'a', 'j')`
const forgiveLua = `return redis.call('DEL', KEYS[1])`

/**
 * Scores in Redis, for several processes: one script an offence, which fades, adds and jails at once. A key lives until its
 * score has faded or its sentence is over; how many there may be is Redis's `maxmemory`. Give the processes one `clientKey`.
 * @throws ERR_SHOP_SECURITY_UNKNOWN_OPTION, ERR_SHOP_SECURITY_OPTION
 * @example inspect({ store: redisScores({ redis }), clientKey: env.CLIENT_KEY })
 */
export function redisScores(options: RedisScoresOptions): RedisScores {
  knownOptions('redisScores()', options, ['redis', 'prefix'])
  const { redis, prefix = 'shop:scores:' } = options
  if (typeof redis?.eval !== 'function')
    throw new SecurityError(
      'ERR_SHOP_SECURITY_OPTION',
      'redis must be an ioredis client, or something with its eval().',
    )
  return {
    shared: true,
    async add(client, points, now, { halfLife, jailAt, jailFor }) {
      return record(await redis.eval(addLua, 1, prefix + client, points, now, halfLife, jailAt, jailFor))!
    },
    async read(client, now, rules) {
      const held = record(await redis.eval(readLua, 1, prefix + client))
      return held && faded(held, now, rules)
    },
    async forgive(client) {
      await redis.eval(forgiveLua, 1, prefix + client)
    },
  }
}

function record(fields: unknown): ClientScore | undefined {
  const [score, at, jailedUntil] = fields as readonly (string | null)[]
  if (score === null) return undefined
  return { score: Number(score), at: Number(at), jailedUntil: Number(jailedUntil) }
}
