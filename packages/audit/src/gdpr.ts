export { checkErasure, type ErasureRecord, type ErasureStep, type SignedErasureRecord } from './lib/erasure-record.ts'
export type { ErasureRule, LegalBasis, PersonalTable } from './lib/personal-data.ts'
export { createPrivacy, type ErasurePlan, type Privacy, type PrivacyOptions } from './lib/privacy.ts'
export type { DecryptColumn } from './lib/subject-export.ts'
