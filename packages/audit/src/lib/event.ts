import type { Action, Severity } from './action.ts'
import type { Json } from './canonical.ts'

/** Who acted. The id is opaque (a primary key, never an e-mail address): it stays in the trail when a person is erased. */
export interface Actor {
  readonly type: 'user' | 'customer' | 'admin' | 'service' | 'system' | 'anonymous'
  readonly id: string
  /** The roles the actor held at that moment. */
  readonly roles?: readonly string[]
  /** Who is really at the keyboard when support acts as a customer. */
  readonly impersonatedBy?: string
}

/** What was acted on; the first of an event is the one it is found by. The id is opaque, like an actor's. */
export interface Target {
  readonly type: string
  readonly id: string
}

/** One field before and after. With `personal`, both values are sealed and only commitments stay readable. */
export interface Change {
  readonly field: string
  readonly from?: Json
  readonly to?: Json
  readonly personal?: boolean
}

export type AuditOutcome = 'success' | 'failure' | 'denied' | 'unknown'

/** Where an event came from. `ip` and `userAgent` are personal values and always sealed. */
export interface EventContext {
  readonly ip?: string | undefined
  readonly userAgent?: string | undefined
  readonly requestId?: string | undefined
  readonly traceId?: string | undefined
}

/** Values that name or describe a person. They are encrypted under the subject's key in an erasable column. */
export interface Personal {
  /** The data subject, opaque: `customer:42`. */
  readonly subject: string
  readonly values: Readonly<Record<string, Json>>
}

/** What a caller hands to the trail. What it leaves out comes from the context or from the action. */
export interface AuditEvent<Name extends string = string, Data = unknown> {
  readonly action: Name
  /** Checked by the action's schema. */
  readonly data?: Data
  readonly actor?: Actor | undefined
  readonly targets?: readonly Target[]
  /** @default 'success' */
  readonly outcome?: AuditOutcome
  readonly severity?: Severity
  readonly context?: EventContext
  readonly changes?: readonly Change[]
  readonly pii?: Personal
  /** A UUID by which a repeated attempt is known as the same event. One that is not version 7 needs `time` beside it. */
  readonly id?: string
  /** When it happened. @default now, or the time inside a version 7 id */
  readonly time?: Date
}

/** The events a set of actions allows: the action's name decides what `data` must be. */
export type EventOf<A> =
  A extends Action<infer Name, infer Data>
    ? [Data] extends [undefined]
      ? AuditEvent<Name, undefined>
      : AuditEvent<Name, Data> & { readonly data: Data }
    : never

/** What is hashed and stays for ever: the event without any personal value, only their commitments. */
export interface RecordedEvent {
  readonly action: string
  readonly actor?: Actor
  readonly changes?: readonly Change[]
  readonly context?: { readonly requestId?: string; readonly traceId?: string }
  readonly data?: Json
  readonly id: string
  /** The writer's previous event; absent for events recorded in a caller's transaction. */
  readonly link?: { readonly prev: string; readonly seq: number; readonly writer: string }
  readonly outcome: AuditOutcome
  readonly pii?: { readonly subject: string; readonly commitments: Readonly<Record<string, string>> }
  readonly severity: Severity
  readonly targets?: readonly Target[]
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string
  /** Of the action's schema. */
  readonly version: number
}
