import { type AuditEvent, shopActions } from '../src/index.ts'
import { prepareEvent, type Preparation, type PreparedEvent } from '../src/lib/prepare.ts'

const preparation: Preparation = {
  actions: new Map(shopActions.map((action) => [action.name as string, action])),
  subjectKeys: undefined,
  now: Date.now,
  maxEventBytes: 65_536,
  allowFields: new Set<string>(),
}

/** An event as `createAudit` prepares it, for arms that begin with rows that are ready. */
export function prepared(event: AuditEvent): PreparedEvent {
  return prepareEvent(event, preparation) as PreparedEvent
}
