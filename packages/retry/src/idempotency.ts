export { exactlyOnce, idempotency, type IdempotencyOptions, type Once } from './lib/idempotency/idempotency.ts'
export { memoryStore, type MemoryStoreOptions } from './lib/idempotency/memory-store.ts'
export type { Claim, ClaimOptions, IdempotencyStore } from './lib/idempotency/store.ts'
