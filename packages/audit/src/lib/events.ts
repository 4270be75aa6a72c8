import { type Channel, channel } from 'node:diagnostics_channel'

/** `shop:audit:recorded`: an event was acknowledged. */
export interface RecordedMessage {
  readonly action: string
  readonly id: string
  readonly lane: 'tx' | 'critical' | 'buffered'
  /** Secrets replaced before it was stored. */
  readonly redacted: number
  /** From the call to the acknowledgement, in seconds. */
  readonly seconds: number
}

/** `shop:audit:refused`: an event was not accepted. */
export interface RefusedMessage {
  readonly action: string
  readonly code: string
}

/** `shop:audit:flushed`: rows reached the database. */
export interface FlushedMessage {
  readonly lane: 'critical' | 'buffered'
  readonly rows: number
  readonly seconds: number
}

/** `shop:audit:trouble`: the database, the spool or an anchor failed; nothing acknowledged is lost. */
export interface TroubleMessage {
  readonly where: 'critical' | 'buffered' | 'spool' | 'sealer' | 'anchor'
  readonly error: unknown
}

/** `shop:audit:sealed`: events were put in the tree under a new checkpoint. */
export interface SealedMessage {
  readonly size: number
  readonly added: number
  /** Events whose MAC is missing or wrong: written past the application. */
  readonly unauthenticated: number
  readonly seconds: number
}

/** The channels of this package; publishing costs nothing while nobody listens. */
export const channels: Readonly<Record<'recorded' | 'refused' | 'flushed' | 'trouble' | 'sealed', Channel>> = {
  recorded: channel('shop:audit:recorded'),
  refused: channel('shop:audit:refused'),
  flushed: channel('shop:audit:flushed'),
  trouble: channel('shop:audit:trouble'),
  sealed: channel('shop:audit:sealed'),
}
