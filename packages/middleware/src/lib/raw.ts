import { slot } from './slot.ts'

interface Wrapped {
  readonly raw?: unknown
  readonly req?: unknown
  readonly request?: unknown
}

/**
 * The one object that stands for a request whatever wraps it: node's IncomingMessage where there is one, else the web
 * Request. Takes an Express or Nest `req`, a Fastify request, a Koa context, a Hono context or its `c.req`, or a view.
 */
export function rawOf(request: object): object {
  const { raw } = request as Wrapped
  if (isObject(raw)) return incomingOf(raw) // a view, a Fastify request, Hono's c.req
  const { req } = request as Wrapped
  if (isObject(req)) {
    // a Koa context carries node's request, a Hono context its own wrapper
    const inner = (req as Wrapped).raw
    return isObject(inner) ? incomingOf(inner) : req
  }
  return request
}

const incoming = slot<object>()

/** Hono on node: tells which IncomingMessage a web Request came from. */
export function linkIncoming(request: object, message: object): void {
  incoming.set(request, message)
}

function incomingOf(raw: object): object {
  return incoming.get(raw) ?? raw
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
