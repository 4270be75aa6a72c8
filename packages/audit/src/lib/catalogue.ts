import { type Action, type ActionOptions, defineAction } from './action.ts'
import type { Actor, AuditEvent, Change, Target } from './event.ts'
import { type FieldValues, fields } from './fields.ts'

/** The data of each common action; a shop adds its own with `defineAction`. */
const shapes = {
  'auth.login': { method: 'string', mfa: 'boolean?', sessionRef: 'string?' },
  'auth.logout': { reason: 'string?' },
  'auth.login_failed': { method: 'string', reason: 'string', attempts: 'integer?' },
  'auth.password_changed': { by: 'string' },
  'auth.role_changed': { from: 'strings', to: 'strings' },
  'order.placed': { amountMinor: 'integer', currency: 'string', items: 'integer' },
  'order.cancelled': { reason: 'string' },
  'order.refunded': { amountMinor: 'integer', currency: 'string', reason: 'string' },
  'payment.taken': { amountMinor: 'integer', currency: 'string', provider: 'string', reference: 'string?' },
  'data.exported': { format: 'string', rows: 'integer', reason: 'string' },
  'data.erased': { rows: 'integer', legalBasis: 'string', manifest: 'string?' },
  'flag.changed': { variant: 'string?', reason: 'string?' },
  'admin.acted': { operation: 'string', reason: 'string?' },
  'http.request': { method: 'string', route: 'string', status: 'integer', denied: 'string?' },
  'db.statement': { class: 'string', command: 'string', object: 'string?', statement: 'string', role: 'string?' },
  'trail.retired': {
    partition: 'string',
    from: 'string',
    to: 'string',
    count: 'integer',
    archive: 'string',
    reason: 'string',
  },
  'rows.sealed': { count: 'integer', first: 'integer', last: 'integer', root: 'string' },
} as const

/** The name of a common action. */
export type ShopActionName = keyof typeof shapes

/** What `data` must be for a common action. */
export type ShopActionData<N extends ShopActionName> = FieldValues<(typeof shapes)[N]>

/** One of the common actions. */
export type ShopAction = { [N in ShopActionName]: Action<N, ShopActionData<N>> }[ShopActionName]

type Rest = Pick<ActionOptions<string, unknown>, 'severity' | 'actor' | 'needsTarget'>

const common = (name: ShopActionName, durability: Action['durability'], rest: Rest = {}): ShopAction =>
  defineAction({ name, version: 1, data: fields(shapes[name]), durability, ...rest }) as ShopAction

/** The common actions of a shop; the default of `createAudit({ actions })`. */
export const shopActions: readonly ShopAction[] = [
  common('auth.login', 'critical'),
  common('auth.logout', 'buffered'),
  common('auth.login_failed', 'critical', { severity: 'medium', actor: 'optional' }),
  common('auth.password_changed', 'critical', { severity: 'medium', needsTarget: true }),
  common('auth.role_changed', 'critical', { severity: 'high', needsTarget: true }),
  common('order.placed', 'tx', { needsTarget: true }),
  common('order.cancelled', 'tx', { severity: 'low', needsTarget: true }),
  common('order.refunded', 'tx', { severity: 'medium', needsTarget: true }),
  common('payment.taken', 'tx', { severity: 'low', needsTarget: true }),
  common('data.exported', 'critical', { severity: 'high' }),
  common('data.erased', 'critical', { severity: 'high', needsTarget: true }),
  common('flag.changed', 'critical', { severity: 'medium', needsTarget: true }),
  common('admin.acted', 'critical', { severity: 'high' }),
  common('http.request', 'buffered', { actor: 'optional' }),
  common('db.statement', 'buffered', { actor: 'optional' }),
  common('trail.retired', 'tx', { severity: 'high' }),
  common('rows.sealed', 'tx', { actor: 'optional' }),
]

/** What every helper takes beside its own data. */
export interface EventDetails extends Pick<AuditEvent, 'actor' | 'outcome' | 'context' | 'pii' | 'id' | 'time'> {
  readonly changes?: readonly Change[]
}

type Made<N extends ShopActionName> = AuditEvent<N, ShopActionData<N>> & { readonly data: ShopActionData<N> }
type Data<N extends ShopActionName> = ShopActionData<N>

const user = (id: string): Target => ({ type: 'user', id })
const order = (id: string): Target => ({ type: 'order', id })

/** Someone signed in. */
export function loggedIn(actor: Actor, data: Data<'auth.login'>, details?: EventDetails): Made<'auth.login'> {
  return { ...details, action: 'auth.login', actor, data, targets: [user(actor.id)] }
}

/** Someone signed out, or was signed out. */
export function loggedOut(actor: Actor, data: Data<'auth.logout'> = {}, details?: EventDetails): Made<'auth.logout'> {
  return { ...details, action: 'auth.logout', actor, data, targets: [user(actor.id)] }
}

/** A sign-in failed. What was typed as a name is personal: put it in `details.pii`, never in `data`. */
export function loginFailed(data: Data<'auth.login_failed'>, details?: EventDetails): Made<'auth.login_failed'> {
  return { outcome: 'failure', ...details, action: 'auth.login_failed', data }
}

/** A password was changed; `by` is `self`, `reset` or `admin`. */
export function passwordChanged(
  userId: string,
  data: Data<'auth.password_changed'>,
  details?: EventDetails,
): Made<'auth.password_changed'> {
  return { ...details, action: 'auth.password_changed', data, targets: [user(userId)] }
}

/** Someone's roles changed. */
export function roleChanged(
  userId: string,
  data: Data<'auth.role_changed'>,
  details?: EventDetails,
): Made<'auth.role_changed'> {
  return { ...details, action: 'auth.role_changed', data, targets: [user(userId)] }
}

/** An order was placed. Amounts are in the currency's minor unit. */
export function orderPlaced(orderId: string, data: Data<'order.placed'>, details?: EventDetails): Made<'order.placed'> {
  return { ...details, action: 'order.placed', data, targets: [order(orderId)] }
}

/** An order was cancelled. */
export function orderCancelled(
  orderId: string,
  data: Data<'order.cancelled'>,
  details?: EventDetails,
): Made<'order.cancelled'> {
  return { ...details, action: 'order.cancelled', data, targets: [order(orderId)] }
}

/** Money for an order went back. */
export function orderRefunded(
  orderId: string,
  data: Data<'order.refunded'>,
  details?: EventDetails,
): Made<'order.refunded'> {
  return { ...details, action: 'order.refunded', data, targets: [order(orderId)] }
}

/** A payment was taken, or refused with `outcome: 'failure'`. */
export function paymentTaken(
  orderId: string,
  data: Data<'payment.taken'>,
  details?: EventDetails,
): Made<'payment.taken'> {
  return { ...details, action: 'payment.taken', data, targets: [order(orderId)] }
}

/** Data left the shop: a report, or a person's own export. */
export function dataExported(
  target: Target,
  data: Data<'data.exported'>,
  details?: EventDetails,
): Made<'data.exported'> {
  return { ...details, action: 'data.exported', data, targets: [target] }
}

/** A person was erased. */
export function dataErased(subject: string, data: Data<'data.erased'>, details?: EventDetails): Made<'data.erased'> {
  return { ...details, action: 'data.erased', data, targets: [{ type: 'subject', id: subject }] }
}

/** A feature flag changed; say how in `details.changes`. */
export function flagChanged(flagKey: string, data: Data<'flag.changed'>, details?: EventDetails): Made<'flag.changed'> {
  return { ...details, action: 'flag.changed', data, targets: [{ type: 'flag', id: flagKey }] }
}

/** An administrator did something no other helper names. */
export function adminActed(
  data: Data<'admin.acted'>,
  targets: readonly Target[],
  details?: EventDetails,
): Made<'admin.acted'> {
  return { ...details, action: 'admin.acted', data, targets }
}
