import type { RecordedEvent } from './event.ts'

/** A CloudEvents 1.0 event in its JSON form. */
export interface CloudEvent {
  readonly specversion: '1.0'
  readonly id: string
  readonly source: string
  readonly type: string
  readonly time: string
  readonly datacontenttype: 'application/json'
  readonly subject?: string
  /** Extension attributes; the specification allows lower-case letters and digits only. */
  readonly severity: string
  readonly outcome: string
  readonly actor?: string
  readonly traceparent?: string
  readonly data: RecordedEvent
}

/** The event as a CloudEvent, for a bus. `source` is a URI reference: the trail's origin. */
export function toCloudEvent(event: RecordedEvent, options: { readonly source: string }): CloudEvent {
  const first = event.targets?.[0]
  return {
    specversion: '1.0',
    id: event.id,
    source: options.source,
    type: `shop.audit.${event.action}.v${event.version}`,
    time: event.time,
    datacontenttype: 'application/json',
    ...(first && { subject: `${first.type}/${first.id}` }),
    severity: event.severity,
    outcome: event.outcome,
    ...(event.actor && { actor: `${event.actor.type}:${event.actor.id}` }),
    ...(/^[0-9a-f]{32}$/.test(event.context?.traceId ?? '') && {
      traceparent: `00-${event.context!.traceId}-${event.id.replaceAll('-', '').slice(16)}-01`,
    }),
    data: event,
  }
}
