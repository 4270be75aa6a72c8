export {
  advise,
  type Advice,
  type AdvisedIndex,
  type AdviseOptions,
  type AdviseProgress,
  type Statement,
} from './lib/advise.ts'
export { apply, type Applied, type ApplyOptions, type ApplyProgress, plan, rollback } from './lib/apply.ts'
export { ASSET_NAMES, type Asset, type Step, type StepKind, type StepMode } from './lib/asset.ts'
export {
  createCache,
  type Cache,
  type CacheCounts,
  type CacheOptions,
  type CacheValue,
  type SetOptions,
} from './lib/cache.ts'
export { examine, type Finding, mend } from './lib/doctor.ts'
export { ERROR_CODES, PgOptimizationsError, type PgOptimizationsErrorCode } from './lib/errors.ts'
export { exportSql } from './lib/export.ts'
export { defineMapping, type Entity, type EntityMapping, type Mapping, type MappingOptions } from './lib/mapping.ts'
export { type ModelServer, openPglite } from './lib/model.ts'
export type { Duration } from './lib/options.ts'
export { resolve, type Resolved } from './lib/resolve.ts'
export type { Connect } from './lib/session.ts'
export type { AssetState, StepState } from './lib/state.ts'
