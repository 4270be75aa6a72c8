import { hash } from 'node:crypto'

import { canonicalize, type Json } from './canonical.ts'
import type { RecordedEvent } from './event.ts'
import type { EventProof } from './prove.ts'

/** The version of the Open Cybersecurity Schema Framework the events are written for. */
const OCSF_VERSION = '1.9.0-dev'

interface EventClass {
  readonly uid: number
  readonly name: string
  readonly category: number
  readonly categoryName: string
}

const iam = { category: 3, categoryName: 'Identity & Access Management' } as const
const application = { category: 6, categoryName: 'Application Activity' } as const

const classes = {
  accountChange: { uid: 3001, name: 'Account Change', ...iam },
  authentication: { uid: 3002, name: 'Authentication', ...iam },
  userAccess: { uid: 3005, name: 'User Access Management', ...iam },
  entityManagement: { uid: 3004, name: 'Entity Management', ...iam },
  api: { uid: 6003, name: 'API Activity', ...application },
  datastore: { uid: 6005, name: 'Datastore Activity', ...application },
} as const satisfies Record<string, EventClass>

interface Mapping {
  readonly class: EventClass
  readonly activity: number
  readonly activityName: string
}

const mappings: Readonly<Record<string, Mapping>> = {
  'auth.login': { class: classes.authentication, activity: 1, activityName: 'Logon' },
  'auth.login_failed': { class: classes.authentication, activity: 1, activityName: 'Logon' },
  'auth.logout': { class: classes.authentication, activity: 2, activityName: 'Logoff' },
  'auth.password_changed': { class: classes.accountChange, activity: 3, activityName: 'Password Change' },
  'auth.role_changed': { class: classes.userAccess, activity: 3, activityName: 'Assign Role' },
  'flag.changed': { class: classes.entityManagement, activity: 3, activityName: 'Update' },
  'data.erased': { class: classes.entityManagement, activity: 4, activityName: 'Delete' },
  'db.statement': { class: classes.datastore, activity: 4, activityName: 'Query' },
}

/** Everything else is a call of the application's interface; the last word of the action says of which kind. */
function mappingOf(event: RecordedEvent): Mapping {
  const known = mappings[event.action]
  if (known) return known
  const verb = event.action.split('.').at(-1)!
  if (/^(placed|created|added|taken|registered)$/.test(verb))
    return { class: classes.api, activity: 1, activityName: 'Create' }
  if (/^(exported|read|viewed|searched)$/.test(verb)) return { class: classes.api, activity: 2, activityName: 'Read' }
  if (/^(deleted|removed|erased|retired)$/.test(verb))
    return { class: classes.api, activity: 4, activityName: 'Delete' }
  return { class: classes.api, activity: 3, activityName: 'Update' }
}

const severityIds = { info: 1, low: 2, medium: 3, high: 4, critical: 5 } as const
const severityNames = ['Unknown', 'Informational', 'Low', 'Medium', 'High', 'Critical'] as const
const statusIds = { success: 1, failure: 2, denied: 2, unknown: 0 } as const
const statusNames = ['Unknown', 'Success', 'Failure'] as const

export interface OcsfOptions {
  /** Named as the product. @default 'shop' */
  readonly product?: string
  /** Where it is in the tree: adds the record_integrity profile with its fingerprint, chain and signature. */
  readonly proof?: EventProof
  /** Personal values that were opened, for a receiver who may have them. */
  readonly personal?: Readonly<Record<string, Json>>
}

/** The event in the Open Cybersecurity Schema Framework, for a SIEM. */
export function toOcsf(event: RecordedEvent, options: OcsfOptions = {}): Record<string, unknown> {
  const { class: type, activity, activityName } = mappingOf(event)
  const severity = severityIds[event.severity]
  const status = statusIds[event.outcome]
  const product = options.product ?? 'shop'
  const mapped = {
    activity_id: activity,
    activity_name: activityName,
    category_uid: type.category,
    category_name: type.categoryName,
    class_uid: type.uid,
    class_name: type.name,
    type_uid: type.uid * 100 + activity,
    type_name: `${type.name}: ${activityName}`,
    time: Date.parse(event.time),
    severity_id: severity,
    severity: severityNames[severity],
    status_id: status,
    status: statusNames[status],
    ...(event.outcome === 'denied' && { status_detail: 'denied' }),
    message: `${event.action} ${event.outcome}`,
    metadata: {
      version: OCSF_VERSION,
      uid: event.id,
      product: { name: product, vendor_name: product },
      event_code: event.action,
      log_version: String(event.version),
      ...(event.context?.requestId !== undefined && { correlation_uid: event.context.requestId }),
      ...(event.link && { sequence: event.link.seq }),
      ...(options.proof && { profiles: ['record_integrity'] }),
    },
    actor: event.actor ? { user: userOf(event) } : { app_name: product },
    ...sourceOf(type, options.personal),
    ...subjectOf(type, event),
    unmapped: {
      ...(event.data !== undefined && { data: event.data }),
      ...(event.changes && { changes: event.changes }),
      ...(event.context?.traceId !== undefined && { trace_uid: event.context.traceId }),
      ...(event.pii && { pii: event.pii }),
      ...(options.proof && { proof: options.proof }),
    },
  }
  return options.proof ? { ...mapped, attestation_list: [attestation(mapped, event, options.proof)] } : mapped
}

function userOf(event: RecordedEvent): Record<string, unknown> {
  const actor = event.actor ?? { type: 'anonymous', id: 'anonymous' }
  const kind = actor.type === 'admin' ? [2, 'Admin'] : actor.type === 'system' ? [3, 'System'] : [1, 'User']
  return { uid: actor.id, type_id: kind[0], type: kind[1] }
}

function sourceOf(type: EventClass, personal: OcsfOptions['personal']): Record<string, unknown> {
  const ip = personal?.['ip']
  if (typeof ip === 'string') return { src_endpoint: { ip } }
  return type.category === 6 ? { src_endpoint: { name: 'sealed' } } : {}
}

/** What each class calls the thing acted on. */
function subjectOf(type: EventClass, event: RecordedEvent): Record<string, unknown> {
  const [first] = event.targets ?? []
  const target = { uid: first?.id ?? 'none', name: first?.type ?? 'none' }
  switch (type.uid) {
    case classes.authentication.uid:
      return { user: userOf(event) }
    case classes.accountChange.uid:
      return { user: { uid: target.uid } }
    case classes.userAccess.uid: {
      const to = (event.data as { to?: unknown } | undefined)?.to
      return { user: { uid: target.uid }, privileges: Array.isArray(to) ? to : [] }
    }
    case classes.entityManagement.uid:
      return { entity: { uid: target.uid, name: target.uid, type: target.name } }
    default:
      return {
        api: { operation: event.action },
        ...(type.uid === classes.api.uid && {
          resources: (event.targets ?? []).map((one) => ({ uid: one.id, type: one.type })),
        }),
      }
  }
}

/** As the profile asks: a fingerprint of the whole event but for itself and the signatures, which name our checkpoint. */
function attestation(mapped: object, event: RecordedEvent, proof: EventProof): Record<string, unknown> {
  const [origin = ''] = proof.checkpoint.split('\n')
  const head = {
    uid: `${origin}#${proof.index}`,
    authority_uid: origin,
    ...(event.link && { chain_uid: event.link.writer }),
  }
  return {
    ...head,
    fingerprint: {
      ...sha256Hex(canonicalize({ ...mapped, attestation_list: [head] })),
      serialization_id: 2,
      serialization: 'JCS',
    },
    signatures: [{ algorithm_id: 99, algorithm: 'Ed25519', serialization_id: 1, digest: sha256Hex(proof.checkpoint) }],
  }
}

function sha256Hex(text: string): Record<string, unknown> {
  return { algorithm_id: 3, algorithm: 'SHA-256', encoding_id: 1, value: hash('sha256', text) }
}
