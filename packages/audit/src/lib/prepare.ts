import type { Action } from './action.ts'
import type { Json } from './canonical.ts'
import { auditContext } from './context.ts'
import { AuditError } from './errors.ts'
import type { Actor, AuditEvent, Change, RecordedEvent, Target } from './event.ts'
import { type EventText, eventText } from './event-text.ts'
import { commitValues } from './personal.ts'
import { Redactor, storable } from './redact.ts'
import { issuePath, type SchemaResult } from './schema.ts'
import type { SubjectKeys } from './subject-keys.ts'
import { isUuid, timeOfUuid, uuidv7 } from './uuid.ts'

/** An event that passed every check, ready to be linked and hashed. */
export interface PreparedEvent {
  readonly action: Action
  /** Without its link, which the writer adds. */
  readonly body: RecordedEvent
  /** The body's canonical text. */
  readonly text: EventText
  /** Milliseconds since 1970. */
  readonly time: number
  /** The personal values, encrypted. */
  readonly sealed: Uint8Array | undefined
  /** Of the body, about. */
  readonly bytes: number
  /** Secrets replaced on the way. */
  readonly redacted: number
}

export interface Preparation {
  readonly actions: ReadonlyMap<string, Action>
  readonly subjectKeys: SubjectKeys | undefined
  readonly now: () => number
  readonly maxEventBytes: number
  /** Field names that look secret and are not. */
  readonly allowFields: ReadonlySet<string>
}

const outcomes: ReadonlySet<unknown> = new Set(['success', 'failure', 'denied', 'unknown'])
const severities: ReadonlySet<unknown> = new Set(['info', 'low', 'medium', 'high', 'critical'])
const actorTypes: ReadonlySet<unknown> = new Set(['user', 'customer', 'admin', 'service', 'system', 'anonymous'])
const known: ReadonlySet<string> = new Set(
  'action data actor targets outcome severity context changes pii id time'.split(' '),
)

/** Checks, cleans and completes an event; it waits only for a schema or a key that has to be waited for. */
export function prepareEvent(event: AuditEvent, preparation: Preparation): PreparedEvent | Promise<PreparedEvent> {
  const action = preparation.actions.get(event.action)
  if (!action)
    throw new AuditError(
      'ERR_SHOP_AUDIT_ACTION_UNKNOWN',
      `action ${JSON.stringify(String(event.action).slice(0, 64))} is not registered; pass it to createAudit({ actions })`,
    )
  for (const name of Object.keys(event)) if (!known.has(name)) throw invalid(`/${name.slice(0, 64)}`, 'a known field')
  if (!action.data) {
    if (event.data !== undefined) throw invalid('/data', 'no data: the action has no schema')
    return complete(event, undefined, action, preparation)
  }
  const result = action.data['~standard'].validate(event.data)
  if (result instanceof Promise) return result.then((r) => complete(event, accepted(r, action), action, preparation))
  return complete(event, accepted(result, action), action, preparation)
}

function accepted(result: SchemaResult, action: Action): unknown {
  if (!result.issues) return result.value
  const paths = result.issues.slice(0, 5).map((issue) => `/data${issuePath(issue)}`)
  throw new AuditError(
    'ERR_SHOP_AUDIT_ACTION_INVALID',
    `${action.name} version ${action.version} does not accept ${paths.join(', ')}`,
  )
}

function complete(
  event: AuditEvent,
  data: unknown,
  action: Action,
  preparation: Preparation,
): PreparedEvent | Promise<PreparedEvent> {
  const around = auditContext()
  const redactor = new Redactor(preparation.allowFields)
  const actor = event.actor ?? around?.actor
  if (actor) checkActor(actor)
  else if (action.actorRequired)
    throw new AuditError(
      'ERR_SHOP_AUDIT_ACTOR_MISSING',
      `${action.name} requires an actor; set it on the event or with withAuditContext`,
    )
  const outcome = event.outcome ?? 'success'
  const severity = event.severity ?? action.severity
  if (!outcomes.has(outcome)) throw invalid('/outcome', [...outcomes].join(', '))
  if (!severities.has(severity)) throw invalid('/severity', [...severities].join(', '))
  if (action.needsTarget && !event.targets?.length) throw invalid('/targets', 'at least one target')
  const { id, time } = identity(event, preparation.now)
  const personal: Record<string, Json> = {}
  const changes = event.changes?.map((change, i) => splitChange(change, i, redactor, personal))
  for (const [name, value] of Object.entries(event.pii?.values ?? {})) {
    if (value !== undefined) personal[storable(name)] = redactor.clean(value, name) as Json
  }
  const explicit = Object.keys(personal).length > 0
  const context = { ...around, ...event.context }
  if (preparation.subjectKeys) {
    if (context.ip) personal['ip'] = text('/context/ip', context.ip, 64)
    if (context.userAgent) personal['userAgent'] = redactor.text(text('/context/userAgent', context.userAgent, 512))
  } else if (explicit) {
    throw new AuditError(
      'ERR_SHOP_AUDIT_SUBJECT_KEYS',
      `${action.name} carries personal values; give createAudit({ subjectKeys }) so that they can be sealed`,
    )
  }
  const subject = subjectOf(event, actor, explicit, time)
  const committed = Object.keys(personal).length > 0 ? commitValues(personal) : undefined
  const body: RecordedEvent = {
    action: action.name,
    ...(actor && { actor: cleanActor(actor, redactor) }),
    ...(changes?.length && { changes }),
    ...contextOf(context, redactor),
    ...(data !== undefined && { data: redactor.clean(data, '') as Json }),
    id,
    outcome,
    ...(committed && { pii: { subject, commitments: committed.commitments } }),
    severity,
    ...(event.targets?.length && { targets: event.targets.map((target, i) => cleanTarget(target, i, redactor)) }),
    time: isoTime(time),
    version: action.version,
  }
  const written = eventText(body)
  const bytes = Buffer.byteLength(written.head) + Buffer.byteLength(written.tail) + (committed?.opening.length ?? 0)
  if (bytes > preparation.maxEventBytes)
    throw invalid('/', `at most ${preparation.maxEventBytes} bytes, found ${bytes}`)
  const prepared = { action, body, text: written, time, sealed: undefined, bytes, redacted: redactor.count }
  if (!committed || !preparation.subjectKeys) return prepared
  const sealed = preparation.subjectKeys.seal(subject, committed.opening, id)
  if (sealed instanceof Promise) return sealed.then((bytes) => ({ ...prepared, sealed: bytes }))
  return { ...prepared, sealed }
}

function identity(event: AuditEvent, now: () => number): { id: string; time: number } {
  const given = event.time?.getTime()
  if (given !== undefined && !(given >= 0 && given < 253_402_300_800_000)) throw invalid('/time', 'a valid Date')
  if (event.id === undefined) {
    const time = given ?? now()
    return { id: uuidv7(time), time }
  }
  if (typeof event.id !== 'string' || !isUuid(event.id)) throw invalid('/id', 'a lower-case UUID')
  const time = given ?? timeOfUuid(event.id)
  if (time === undefined) throw invalid('/time', 'a time beside an id that is not a version 7 UUID')
  return { id: event.id, time }
}

/** Personal values without a named subject belong to the actor; an anonymous caller's to a bucket a month wide. */
function subjectOf(event: AuditEvent, actor: Actor | undefined, explicit: boolean, time: number): string {
  if (event.pii) return text('/pii/subject', event.pii.subject, 128)
  if (explicit)
    throw new AuditError(
      'ERR_SHOP_AUDIT_SUBJECT_MISSING',
      'a personal change needs pii.subject: whose values are they?',
    )
  if (actor && actor.type !== 'anonymous') return `${actor.type}:${storable(actor.id)}`
  return `anonymous:${new Date(time).toISOString().slice(0, 7)}`
}

function splitChange(change: Change, i: number, redactor: Redactor, personal: Record<string, Json>): Change {
  const field = text(`/changes/${i}/field`, change.field, 128)
  const from = redactor.clean(change.from, field) as Json | undefined
  const to = redactor.clean(change.to, field) as Json | undefined
  if (!change.personal) return { field, ...(from !== undefined && { from }), ...(to !== undefined && { to }) }
  if (from !== undefined) personal[`${field}.from`] = from
  if (to !== undefined) personal[`${field}.to`] = to
  return { field, personal: true }
}

function contextOf(context: { requestId?: string | undefined; traceId?: string | undefined }, redactor: Redactor) {
  const { requestId, traceId } = context
  if (requestId === undefined && traceId === undefined) return {}
  return {
    context: {
      ...(requestId !== undefined && { requestId: redactor.text(text('/context/requestId', requestId, 128)) }),
      ...(traceId !== undefined && { traceId: redactor.text(text('/context/traceId', traceId, 64)) }),
    },
  }
}

function checkActor(actor: Actor): void {
  if (!actorTypes.has(actor.type)) throw invalid('/actor/type', [...actorTypes].join(', '))
  text('/actor/id', actor.id, 128)
  if (actor.id.includes('@')) throw invalid('/actor/id', 'an opaque id: an e-mail address could never be erased')
}

function cleanActor(actor: Actor, redactor: Redactor): Actor {
  return {
    type: actor.type,
    id: redactor.text(actor.id),
    ...(actor.roles && { roles: actor.roles.map((role, i) => text(`/actor/roles/${i}`, role, 64)) }),
    ...(actor.impersonatedBy !== undefined && {
      impersonatedBy: text('/actor/impersonatedBy', actor.impersonatedBy, 128),
    }),
  }
}

function cleanTarget(target: Target, i: number, redactor: Redactor): Target {
  return {
    type: text(`/targets/${i}/type`, target.type, 64),
    id: redactor.text(text(`/targets/${i}/id`, target.id, 256)),
  }
}

let lastTime = 0
let lastIso = new Date(0).toISOString()

/** A millisecond's text, written once for all of its events. */
function isoTime(time: number): string {
  if (time !== lastTime) {
    lastIso = new Date(time).toISOString()
    lastTime = time
  }
  return lastIso
}

function text(path: string, value: unknown, longest: number): string {
  if (typeof value !== 'string' || value === '' || value.length > longest)
    throw invalid(path, `a string of 1 to ${longest} characters`)
  return storable(value)
}

const invalid = (path: string, expected: string): AuditError =>
  new AuditError('ERR_SHOP_AUDIT_EVENT_INVALID', `the event is refused at ${path}; expected ${expected}`)
