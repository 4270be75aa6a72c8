import { channel } from 'node:diagnostics_channel'
import type { Channel } from 'node:diagnostics_channel'

/** Why a token was refused; told on the channel, never to the caller. */
export type RefusalReason =
  | 'malformed'
  | 'unknown-key'
  | 'destroyed-key'
  | 'failed-check'
  | 'suite-not-allowed'
  | 'legacy-disabled'
  | 'legacy-expired'

/** Published on `shop:crypto:decrypt-failed`. Holds no part of the token's body and no row key. */
export interface DecryptFailed {
  readonly reason: RefusalReason
  readonly table: string
  readonly column: string
  /** `undefined` when the token has no readable header. */
  readonly keyId: number | undefined
  readonly suite: number | undefined
}

/** Published on `shop:crypto:budget`, once per key and process, when a key has encrypted as many values as its warning budget. */
export interface BudgetReached {
  readonly keyId: number
  readonly encryptions: number
}

/** Published on `shop:crypto:legacy-read` for every legacy value that was read. */
export interface LegacyRead {
  readonly table: string
  readonly column: string
  /** Legacy values this vault has read so far. */
  readonly count: number
}

/** Published on `shop:crypto:subject`, when a data subject's key is created, destroyed or destroyed again by a replay. */
export interface SubjectEvent {
  readonly kind: 'created' | 'forgotten' | 'replayed'
  /** Identifies the key; says nothing about the person. */
  readonly keyRef: string
}

/** Published on `shop:crypto:data-key`, when the envelope rotates, refreshes or fails to reach its service. */
export interface DataKeyEvent {
  readonly kind: 'generated' | 'refreshed' | 'failed' | 'expired'
  readonly keyId: number | undefined
  readonly error: unknown
}

export const decryptFailed: Channel<unknown, DecryptFailed> = typed('shop:crypto:decrypt-failed')
export const budgetReached: Channel<unknown, BudgetReached> = typed('shop:crypto:budget')
export const legacyRead: Channel<unknown, LegacyRead> = typed('shop:crypto:legacy-read')
export const subjectEvents: Channel<unknown, SubjectEvent> = typed('shop:crypto:subject')
export const dataKeyEvents: Channel<unknown, DataKeyEvent> = typed('shop:crypto:data-key')

function typed<T>(name: string): Channel<unknown, T> {
  return channel(name) as Channel<unknown, T>
}
