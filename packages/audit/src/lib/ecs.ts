import type { RecordedEvent } from './event.ts'
import { leafHash } from './merkle.ts'
import { canonicalize } from './canonical.ts'

const categories: Readonly<Record<string, readonly [category: string, type: string]>> = {
  'auth.login': ['authentication', 'start'],
  'auth.login_failed': ['authentication', 'start'],
  'auth.logout': ['authentication', 'end'],
  'auth.password_changed': ['iam', 'change'],
  'auth.role_changed': ['iam', 'change'],
  'db.statement': ['database', 'access'],
  'flag.changed': ['configuration', 'change'],
  'http.request': ['web', 'access'],
}

const severities = { info: 1, low: 3, medium: 5, high: 7, critical: 9 } as const
const outcomes = { success: 'success', failure: 'failure', denied: 'failure', unknown: 'unknown' } as const

/** The event in the Elastic Common Schema 8. What has no field there stands under `shop.audit`. */
export function toEcs(event: RecordedEvent): Record<string, unknown> {
  const [category, type] = categories[event.action] ?? ['process', event.outcome === 'denied' ? 'denied' : 'info']
  const first = event.targets?.[0]
  return {
    '@timestamp': event.time,
    ecs: { version: '8.17.0' },
    message: `${event.action} ${event.outcome}`,
    event: {
      kind: 'event',
      id: event.id,
      action: event.action,
      category: [category],
      type: [type],
      outcome: outcomes[event.outcome],
      severity: severities[event.severity],
      dataset: 'shop.audit',
      module: 'shop',
      hash: leafHash(canonicalize(event)).toString('hex'),
      ...(event.link && { sequence: event.link.seq }),
    },
    ...(event.actor && { user: { id: event.actor.id, ...(event.actor.roles && { roles: event.actor.roles }) } }),
    ...(event.context?.traceId !== undefined && { trace: { id: event.context.traceId } }),
    ...(event.context?.requestId !== undefined && { http: { request: { id: event.context.requestId } } }),
    ...(first && { labels: { target_type: first.type, target_id: first.id } }),
    shop: {
      audit: {
        version: event.version,
        ...(event.data !== undefined && { data: event.data }),
        ...(event.changes && { changes: event.changes }),
        ...(event.pii && { pii: event.pii }),
      },
    },
  }
}
