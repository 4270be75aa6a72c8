import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

import { canonicalize, type Json } from './canonical.ts'
import { AuditError } from './errors.ts'

/**
 * Personal values of one event: the hashed part keeps a salted commitment of each, the erasable column the values and
 * the salt, encrypted. Without the salt a commitment says nothing, not even to one who guesses the value; with it,
 * anyone can check that the value shown is the value recorded.
 */
export interface CommittedValues {
  readonly commitments: Readonly<Record<string, string>>
  /** What is to be encrypted: the salt and the values. */
  readonly opening: Buffer
}

/** Values and their salt, decrypted again. */
export interface OpenedValues {
  readonly salt: string
  readonly values: Readonly<Record<string, Json>>
}

/** Commits to every value under one fresh salt of 32 bytes. */
export function commitValues(values: Readonly<Record<string, Json>>): CommittedValues {
  const salt = randomBytes(32)
  const commitments: Record<string, string> = {}
  for (const [name, value] of Object.entries(values)) commitments[name] = commitment(salt, name, value)
  const opening: OpenedValues = { salt: salt.toString('base64url'), values }
  return { commitments, opening: Buffer.from(canonicalize(opening)) }
}

/** Reads an opening and checks every value against its commitment. @throws ERR_SHOP_AUDIT_TAMPERED */
export function openValues(opening: Uint8Array, commitments: Readonly<Record<string, string>>): OpenedValues {
  const opened = JSON.parse(Buffer.from(opening).toString()) as OpenedValues
  const salt = Buffer.from(opened.salt, 'base64url')
  const names = Object.keys(commitments)
  const same = names.length === Object.keys(opened.values).length
  if (!same || !names.every((name) => agrees(commitments[name]!, salt, name, opened.values[name])))
    throw new AuditError('ERR_SHOP_AUDIT_TAMPERED', 'the sealed values do not agree with the commitments of the event')
  return opened
}

function agrees(expected: string, salt: Buffer, name: string, value: Json | undefined): boolean {
  if (value === undefined) return false
  const found = Buffer.from(commitment(salt, name, value))
  return found.length === expected.length && timingSafeEqual(found, Buffer.from(expected))
}

/** A key per field, so that opening one value does not let the others be guessed. */
function commitment(salt: Buffer, name: string, value: Json): string {
  const key = createHmac('sha256', salt).update(name).digest()
  return createHmac('sha256', key).update(canonicalize(value)).digest('base64url')
}
