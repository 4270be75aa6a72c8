import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** HMAC-SHA-256, which blind indexes are truncated from. */
export function blindMac(key: KeyObject, message: Uint8Array): Buffer {
  return createHmac('sha256', key).update(message).digest()
}
