export { CryptoError, DecryptionError } from './lib/errors.ts'
export type { CryptoErrorCode } from './lib/errors.ts'
export type {
  BudgetReached,
  DataKeyEvent,
  DecryptFailed,
  LegacyRead,
  RefusalReason,
  SubjectEvent,
} from './lib/events.ts'
export { createVault, defaultVault, Vault } from './lib/vault.ts'
export type { Opened, OpenItem, SealItem, Token, VaultOptions } from './lib/vault.ts'
export type { FieldContext, RowKeyPart } from './lib/context.ts'
export { readHeader, suites, tokenPrefix } from './lib/token.ts'
export type { Suite, TokenHeader } from './lib/token.ts'
export { bigintCodec, dateCodec } from './lib/value.ts'
export type { Codec, NotFunction, Sealable } from './lib/value.ts'
export type { LegacyOptions } from './lib/legacy.ts'
export { Keyset, masterKeyset, openKeyset, parseKeyset } from './lib/keyset.ts'
export type { KeysetKey } from './lib/keyset.ts'
export type { KeyJson, KeysetJson, KeyState } from './lib/keyset-json.ts'
export type { KeyWrapper } from './lib/wrapper.ts'
export { decryptFields, encryptFields } from './lib/fields.ts'
export type { EncryptedRow, FieldSpec } from './lib/fields.ts'
export {
  decryptAddress,
  decryptPersonalData,
  decryptPhone,
  encryptAddress,
  encryptPersonalData,
  encryptPhone,
} from './lib/personal.ts'
export type { Address, HelperOptions, PersonalData } from './lib/personal.ts'
export { normalisePhone } from './lib/phone.ts'
export type { PhoneOptions } from './lib/phone.ts'
export { maskCard, maskEmail, maskLastFour, maskPhone } from './lib/mask.ts'
export { createPseudonyms } from './lib/pseudonym.ts'
export type { Pseudonyms } from './lib/pseudonym.ts'
export { Secret } from './lib/secret.ts'
export { timingSafeEqual } from './lib/equal.ts'
