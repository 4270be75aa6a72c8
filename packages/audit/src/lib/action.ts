import { AuditError } from './errors.ts'
import type { Schema } from './schema.ts'

/** How sure the trail must be before the caller goes on. */
export type Durability =
  /** The row goes in the caller's own transaction: the event and the change it tells of commit together, or neither. */
  | 'tx'
  /** Awaited until the database has committed it; concurrent callers share one flush. */
  | 'critical'
  /** Awaited until a local spool has synced it to disk; the database follows in batches. */
  | 'buffered'

/** How much an event should trouble whoever reads the trail. */
export type Severity = 'info' | 'low' | 'medium' | 'high' | 'critical'

export interface ActionOptions<Name extends string, Data> {
  /** Dotted and lower case, from the general to the particular: `order.refunded`. */
  readonly name: Name
  /** Of the schema: raise it with every change of `data`, for the trail keeps old events for years. */
  readonly version: number
  /** What `data` must be. zod or any Standard Schema; absent: no data allowed. */
  readonly data?: Schema<Data>
  readonly durability: Durability
  /** @default 'info' */
  readonly severity?: Severity
  /** Whether an event without an actor is refused. @default 'required' */
  readonly actor?: 'required' | 'optional'
  /** Whether a person reading must find a target. @default false */
  readonly needsTarget?: boolean
}

/** An action the trail knows: its name, its schema with a version, and how durable its events are. */
export interface Action<Name extends string = string, Data = unknown> {
  readonly name: Name
  readonly version: number
  readonly data: Schema<Data> | undefined
  readonly durability: Durability
  readonly severity: Severity
  readonly actorRequired: boolean
  readonly needsTarget: boolean
}

const known: ReadonlySet<string> = new Set([
  'name',
  'version',
  'data',
  'durability',
  'severity',
  'actor',
  'needsTarget',
])
const severities: ReadonlySet<string> = new Set<Severity>(['info', 'low', 'medium', 'high', 'critical'])
const durabilities: ReadonlySet<string> = new Set<Durability>(['tx', 'critical', 'buffered'])

/** Defines an action. @throws ERR_SHOP_AUDIT_OPTION */
export function defineAction<const Name extends string, Data = undefined>(
  options: ActionOptions<Name, Data>,
): Action<Name, Data> {
  for (const option of Object.keys(options)) if (!known.has(option)) throw bad(option, option, `one of ${[...known]}`)
  const { name, version, durability, severity = 'info', actor = 'required', needsTarget = false } = options
  if (!/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$/.test(name) || name.length > 64)
    throw bad('name', name, 'dotted lower-case words of at most 64 characters: order.refunded')
  if (!Number.isInteger(version) || version < 1) throw bad('version', version, 'a whole number from 1')
  if (!durabilities.has(durability)) throw bad('durability', durability, [...durabilities].join(', '))
  if (!severities.has(severity)) throw bad('severity', severity, [...severities].join(', '))
  if (actor !== 'required' && actor !== 'optional') throw bad('actor', actor, 'required or optional')
  if (options.data && typeof options.data['~standard']?.validate !== 'function')
    throw bad('data', typeof options.data, 'a Standard Schema')
  return Object.freeze({
    name,
    version,
    data: options.data,
    durability,
    severity,
    actorRequired: actor === 'required',
    needsTarget,
  })
}

const bad = (option: string, value: unknown, expected: string): AuditError =>
  new AuditError('ERR_SHOP_AUDIT_OPTION', `defineAction: ${option} is ${JSON.stringify(value)}; expected ${expected}`)
