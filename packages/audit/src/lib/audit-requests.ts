import { randomUUID } from 'node:crypto'

import { type Policy, requestKey, type RequestKey, type RequestView } from '@shop/middleware'

import type { Audit } from './audit.ts'
import type { ShopActionData } from './catalogue.ts'
import { type AuditContext, enterAuditContext, withAuditContext } from './context.ts'
import type { Actor, AuditEvent, AuditOutcome } from './event.ts'
import { channels } from './events.ts'
import { checkNames, optionError } from './options.ts'

export interface AuditRequestsOptions {
  /** A trail that knows the action `http.request`; the common ones do. */
  readonly audit: Pick<Audit, 'record'>
  /** Who acts, when the raw request tells; else call {@link setAuditActor} once it is known. */
  readonly actorOf?: (raw: object) => Actor | undefined
  /** @default a well-formed X-Request-Id, else a random id */
  readonly requestIdOf?: (request: RequestView) => string
  /** @default that of a W3C traceparent; a tracing policy that begins traces of its own knows more */
  readonly traceIdOf?: (request: RequestView) => string | undefined
  /** Methods that are recorded. @default POST, PUT, PATCH, DELETE */
  readonly methods?: readonly string[]
  /** Routes that are not, by their template. @default none */
  readonly skip?: (route: string | undefined) => boolean
}

type RequestContext = { -readonly [K in keyof AuditContext]: AuditContext[K] }

const contexts: RequestKey<RequestContext> = requestKey<RequestContext>()

/**
 * A policy that lays an audit context (address, request and trace id, actor) over every request, and records those
 * that may change something, with their route, status and who asked. Put it before policies that wait for something.
 * @throws ERR_SHOP_AUDIT_OPTION
 */
export function auditRequests(options: AuditRequestsOptions): Policy {
  checkNames('auditRequests', options, ['audit', 'actorOf', 'requestIdOf', 'traceIdOf', 'methods', 'skip'])
  if (typeof options.audit?.record !== 'function') throw optionError('auditRequests', 'audit', 'is missing')
  const { audit, actorOf, requestIdOf = requestId, traceIdOf = traceId, skip } = options
  const methods = new Set(options.methods ?? ['POST', 'PUT', 'PATCH', 'DELETE'])
  return {
    name: 'audit-requests',
    evaluate(request) {
      const context: RequestContext = {
        ip: request.ip || undefined,
        userAgent: request.header('user-agent')?.slice(0, 512) || undefined,
        requestId: requestIdOf(request),
        traceId: traceIdOf(request),
        actor: undefined,
      }
      contexts.set(request.raw, context)
      enterAuditContext(context)
      return undefined
    },
    settle({ request, status, denied, kind }) {
      if (!methods.has(request.method) || skip?.(request.route)) return
      const context = contexts.get(request.raw) ?? {}
      const data: ShopActionData<'http.request'> = {
        method: request.method,
        route: request.route ?? 'unmatched',
        status,
        ...(denied !== undefined && { denied }),
      }
      const event: AuditEvent<'http.request', typeof data> & { readonly data: typeof data } = {
        action: 'http.request',
        data,
        actor: actorOf?.(request.raw) ?? context.actor,
        outcome: outcomeOf(status, kind, denied),
      }
      const { actor: _, ...place } = context
      // refusals are counted and told on shop:audit:refused; the response has left, so nobody else can be told
      withAuditContext(place, () => audit.record(event)).catch((error: unknown) => {
        if (channels.trouble.hasSubscribers) channels.trouble.publish({ where: 'buffered', error })
      })
    },
  } satisfies Policy
}

/** Says who acts in a request, once authentication knows; every event of the request then names them. */
export function setAuditActor(raw: object, actor: Actor): void {
  const context = contexts.get(raw)
  if (context) context.actor = actor
}

/** The audit context of a request, for code the running context does not reach: a queue, an event emitter. */
export function auditContextOf(raw: object): AuditContext | undefined {
  return contexts.get(raw)
}

function outcomeOf(status: number, kind: string, denied: string | undefined): AuditOutcome {
  if (kind !== 'finished') return 'unknown'
  if (denied !== undefined || status === 401 || status === 403) return 'denied'
  return status < 400 ? 'success' : 'failure'
}

function requestId(request: RequestView): string {
  const given = request.header('x-request-id')
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

/** The trace id of a W3C traceparent. */
function traceId(request: RequestView): string | undefined {
  return /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(request.header('traceparent') ?? '')?.[1]
}
