export { redisStore, type RedisCommands, type RedisStoreOptions } from './lib/redis-store.ts'
