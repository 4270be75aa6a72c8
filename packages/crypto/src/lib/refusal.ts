import type { FieldContext } from './context.ts'
import { DecryptionError } from './errors.ts'
import { decryptFailed } from './events.ts'
import type { RefusalReason } from './events.ts'
import type { TokenHeader } from './token.ts'

/** Tells the channel why, and returns the error that tells nobody. */
export function refusal(reason: RefusalReason, context: FieldContext, head?: TokenHeader): DecryptionError {
  if (decryptFailed.hasSubscribers) {
    const { table, column } = context
    decryptFailed.publish({ reason, table, column, keyId: head?.keyId, suite: head?.suite })
  }
  return new DecryptionError()
}
