import { createHmac, randomBytes } from 'node:crypto'

/** Turns clients into keys that say nothing about them: HMAC-SHA-256 under a key of this process, or one given so that several processes agree. */
export function clientHasher(key: string | Uint8Array | undefined): (client: string) => string {
  const secret = key ?? randomBytes(32)
  let last = ''
  let hashed = ''
  return (client) => {
    if (client !== last || hashed === '') {
      hashed = createHmac('sha256', secret).update(client).digest('base64url').slice(0, 22)
      last = client
    }
    return hashed
  }
}
