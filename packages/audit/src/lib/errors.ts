/** Every code this package throws, with the sentence the README's table prints. */
export const errorCodes = {
  ERR_SHOP_AUDIT_OPTION: 'An option is unknown, missing or out of its range.',
  ERR_SHOP_AUDIT_ACTION_UNKNOWN: 'The event names an action that was not registered.',
  ERR_SHOP_AUDIT_ACTION_INVALID: 'The event fails the schema of its action; the message names the path.',
  ERR_SHOP_AUDIT_EVENT_INVALID: 'A field of the event has the wrong type or is too large; the message names the path.',
  ERR_SHOP_AUDIT_ACTOR_MISSING: 'The action requires an actor, and neither the event nor the context has one.',
  ERR_SHOP_AUDIT_NOT_JSON: 'A value has no canonical JSON form (RFC 8785); the message names the path.',
  ERR_SHOP_AUDIT_NEEDS_TRANSACTION: 'The action is recorded in a transaction: use within(client, event).',
  ERR_SHOP_AUDIT_SUBJECT_KEYS: 'The event carries personal values and no subject keys were given to createAudit.',
  ERR_SHOP_AUDIT_SUBJECT_MISSING: 'The event carries personal values and names no data subject.',
  ERR_SHOP_AUDIT_QUEUE_FULL: 'More events wait than the bound allows, and the bound says reject.',
  ERR_SHOP_AUDIT_SPOOL_FULL: 'The spool reached its bound or its disk is full; the event was not accepted.',
  ERR_SHOP_AUDIT_SPOOL_LOCKED: 'Another living process owns this spool directory.',
  ERR_SHOP_AUDIT_SPOOL_WRITE: 'The spool could not be written or synced; the event was not accepted.',
  ERR_SHOP_AUDIT_NOT_RECORDED: 'The database did not confirm the event within the deadline; it may be there or not.',
  ERR_SHOP_AUDIT_REFUSED: 'The database refused the event; it is not recorded.',
  ERR_SHOP_AUDIT_CLOSED: 'The audit trail is closed.',
  ERR_SHOP_AUDIT_DRAIN_TIMEOUT: 'Not everything reached the database within the deadline; the spool keeps the rest.',
  ERR_SHOP_AUDIT_CHECKPOINT: 'A checkpoint is malformed, or its signature does not verify.',
  ERR_SHOP_AUDIT_ANCHOR: 'A checkpoint could not be stored outside the database.',
  ERR_SHOP_AUDIT_NO_SUCH_EVENT: 'The event is not in the sealed part of the trail.',
  ERR_SHOP_AUDIT_SIZE: 'A tree size lies outside the sealed tree.',
  ERR_SHOP_AUDIT_TABLE: 'The table does not exist, or has no primary key, or a named column is not in it.',
  ERR_SHOP_AUDIT_RETENTION: 'A partition cannot leave: it is not whole, not sealed, held, or not there.',
  ERR_SHOP_AUDIT_ERASURE: 'An erasure is not possible as asked; the message says which rule stands against it.',
  ERR_SHOP_AUDIT_TAMPERED: 'What is stored does not agree with its proof.',
  ERR_SHOP_AUDIT_USAGE: 'The command line names an unknown command or option.',
} as const

export type AuditErrorCode = keyof typeof errorCodes

/** The one error class of this package: a stable `code`, a message naming what was expected, a help link. */
export class AuditError extends Error {
  override readonly name = 'AuditError' as const
  readonly code: AuditErrorCode
  /** Where the README explains the code. */
  readonly help: string

  constructor(code: AuditErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = `https://www.npmjs.com/package/@shop/audit#${code.toLowerCase()}`
  }
}
