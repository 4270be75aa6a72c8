export { type Action, type ActionOptions, defineAction, type Durability, type Severity } from './lib/action.ts'
export { type Anchor, fileAnchor, parseAnchorFile, s3Anchor, webhookAnchor } from './lib/anchor.ts'
export { type Audit, type AuditOptions, type AuditStats, createAudit } from './lib/audit.ts'
export { canonicalize, type Json } from './lib/canonical.ts'
export {
  adminActed,
  dataErased,
  dataExported,
  type EventDetails,
  flagChanged,
  loggedIn,
  loggedOut,
  loginFailed,
  orderCancelled,
  orderPlaced,
  orderRefunded,
  passwordChanged,
  paymentTaken,
  roleChanged,
  type ShopAction,
  type ShopActionData,
  type ShopActionName,
  shopActions,
} from './lib/catalogue.ts'
export {
  type Checkpoint,
  type CheckpointSigner,
  checkpointSigner,
  type CheckpointVerifier,
  checkpointVerifier,
} from './lib/checkpoint.ts'
export { type AuditContext, auditContext, withAuditContext } from './lib/context.ts'
export { AuditError, type AuditErrorCode } from './lib/errors.ts'
export type {
  Actor,
  AuditEvent,
  AuditOutcome,
  Change,
  EventContext,
  EventOf,
  Personal,
  RecordedEvent,
  Target,
} from './lib/event.ts'
export type { FlushedMessage, RecordedMessage, RefusedMessage, SealedMessage, TroubleMessage } from './lib/events.ts'
export { fields, type FieldKind, type FieldValues } from './lib/fields.ts'
export { leafHash, nodeHash } from './lib/merkle.ts'
export { migrate, type MigrateOptions } from './lib/migrate.ts'
export type { Duration } from './lib/options.ts'
export {
  type ConsistencyClaim,
  type InclusionClaim,
  type SubtreeConsistencyClaim,
  type SubtreeInclusionClaim,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './lib/proof.ts'
export {
  checkEventProof,
  checkGrowthProof,
  type EventProof,
  type GrowthProof,
  proveEvent,
  proveGrowth,
} from './lib/prove.ts'
export type { Schema, SchemaIssue, SchemaResult } from './lib/schema.ts'
export { createSealer, type Seal, type Sealer, type SealerOptions } from './lib/sealer.ts'
export type { SubjectKeys } from './lib/subject-keys.ts'
export { setRowContext, track, type TrackOptions, untrack } from './lib/track.ts'
export { type Finding, type FindingKind, type VerifyOptions, type VerifyReport, verifyTrail } from './lib/verify.ts'
export { auditContextOf, auditRequests, type AuditRequestsOptions, setAuditActor } from './lib/audit-requests.ts'
export { type CloudEvent, toCloudEvent } from './lib/cloud-events.ts'
export { cryptoSubjectKeys } from './lib/crypto-subject-keys.ts'
export { toEcs } from './lib/ecs.ts'
export { type Hold, placeHold, releaseHold } from './lib/hold.ts'
export { type OcsfOptions, toOcsf } from './lib/ocsf.ts'
export { openValues, type OpenedValues } from './lib/personal.ts'
export { type Partition, partitionsDue, type Retired, retirePartition, type RetireOptions } from './lib/retention.ts'
export { type SearchQuery, searchTrail } from './lib/search.ts'
