import { canonicalize } from './canonical.ts'
import type { RecordedEvent } from './event.ts'

/**
 * The canonical text of an event in two halves: its link stands between `id` and `outcome`, and is known only when the
 * writer's turn has come. What is fixed is written out here, in the order RFC 8785 gives; the rest is canonicalised.
 */
export interface EventText {
  /** From the opening brace to the id. */
  readonly head: string
  /** From the comma before `outcome` to the closing brace. */
  readonly tail: string
}

type Link = NonNullable<RecordedEvent['link']>

export function eventText(event: RecordedEvent): EventText {
  const { action, actor, changes, context, data, id, outcome, pii, severity, targets, time, version } = event
  let head = `{"action":"${action}"`
  if (actor) {
    head += `,"actor":{"id":${JSON.stringify(actor.id)}`
    if (actor.impersonatedBy !== undefined) head += `,"impersonatedBy":${JSON.stringify(actor.impersonatedBy)}`
    if (actor.roles) head += `,"roles":${JSON.stringify(actor.roles)}`
    head += `,"type":"${actor.type}"}`
  }
  if (changes) head += `,"changes":${canonicalize(changes, '/changes')}`
  if (context) {
    const { requestId, traceId } = context
    head += ',"context":{'
    if (requestId !== undefined) head += `"requestId":${JSON.stringify(requestId)}${traceId === undefined ? '' : ','}`
    if (traceId !== undefined) head += `"traceId":${JSON.stringify(traceId)}`
    head += '}'
  }
  if (data !== undefined) head += `,"data":${canonicalize(data, '/data')}`
  head += `,"id":"${id}"`
  let tail = `,"outcome":"${outcome}"`
  if (pii) tail += `,"pii":${canonicalize(pii, '/pii')}`
  tail += `,"severity":"${severity}"`
  if (targets) {
    const list = targets.map((target) => `{"id":${JSON.stringify(target.id)},"type":${JSON.stringify(target.type)}}`)
    tail += `,"targets":[${list.join(',')}]`
  }
  return { head, tail: `${tail},"time":"${time}","version":${version}}` }
}

/** The whole text, with the writer's link if it has one. */
export function joinText(text: EventText, link: Link | undefined): string {
  if (!link) return text.head + text.tail
  return `${text.head},"link":{"prev":"${link.prev}","seq":${link.seq},"writer":"${link.writer}"}${text.tail}`
}
