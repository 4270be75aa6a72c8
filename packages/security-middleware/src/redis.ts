export { redisScores, type RedisScores, type RedisScoresOptions } from './lib/redis-scores.ts'
export { redisStore, type RedisCommands, type RedisStoreOptions } from './lib/redis-store.ts'
