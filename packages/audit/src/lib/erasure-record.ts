import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

import { canonicalize } from './canonical.ts'
import { AuditError } from './errors.ts'

/** What was done with one table. */
export interface ErasureStep {
  readonly table: string
  readonly action: 'delete' | 'anonymise' | 'shred' | 'retain'
  readonly rows: number
  /** Why rows stay. */
  readonly reason?: string
}

/** The proof that a person was erased; it holds no personal value and can be kept. */
export interface ErasureRecord {
  readonly subject: string
  readonly completedAt: string
  readonly requestedBy: string
  readonly legalBasis: string
  readonly steps: readonly ErasureStep[]
  /** Whether there was a key, and it is destroyed now. */
  readonly keyDestroyed: boolean
  /** The event in the trail that says the same. */
  readonly event: string
}

/** A record and its Ed25519 signature over the record's canonical JSON. */
export interface SignedErasureRecord {
  readonly record: ErasureRecord
  readonly signature: string
}

/** Signs a record. */
export function signErasure(record: ErasureRecord, key: KeyObject | string): SignedErasureRecord {
  const signer = typeof key === 'string' ? createPrivateKey(key) : key
  return { record, signature: sign(null, Buffer.from(canonicalize(record)), signer).toString('base64') }
}

/** Checks a record's signature. @throws ERR_SHOP_AUDIT_TAMPERED */
export function checkErasure(signed: SignedErasureRecord, publicKey: KeyObject | string): ErasureRecord {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey
  const signature = Buffer.from(signed.signature, 'base64')
  if (!verify(null, Buffer.from(canonicalize(signed.record)), key, signature))
    throw new AuditError('ERR_SHOP_AUDIT_TAMPERED', 'the erasure record is not the one that was signed')
  return signed.record
}
