import { AsyncLocalStorage } from 'node:async_hooks'

import type { Actor, EventContext } from './event.ts'

/** What a call deep in the code knows without being told: who acts, and in which request. */
export interface AuditContext extends EventContext {
  readonly actor?: Actor | undefined
}

const storage = new AsyncLocalStorage<AuditContext>()

/** The context of the running call; `undefined` outside any. */
export function auditContext(): AuditContext | undefined {
  return storage.getStore()
}

/** Runs `fn`, and all it starts, in a context laid over the present one: a job, a request, a message. */
export function withAuditContext<T>(context: AuditContext, fn: () => T): T {
  return storage.run(Object.freeze({ ...storage.getStore(), ...context }), fn)
}

/** Lays a context over the rest of the running call, for middleware, which cannot wrap what comes after it; it may still change. */
export function enterAuditContext(context: AuditContext): void {
  storage.enterWith(context)
}
