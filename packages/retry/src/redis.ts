export { type PubSub, redisTransport, type RedisTransportOptions } from './lib/cluster/redis-transport.ts'
export { type RedisScripts, redisStore, type RedisStoreOptions } from './lib/idempotency/redis-store.ts'
