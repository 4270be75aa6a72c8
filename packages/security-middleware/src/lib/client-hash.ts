import { createHmac, randomBytes } from 'node:crypto'

/** Turns clients into keys that say nothing about them: HMAC-SHA-256 under a key of this process, or one given so that several processes agree. */
export function clientHasher(key: string | Uint8Array | undefined): (client: string) => string {
  const secret = key ?? randomBytes(32)
  // hashing costs more than everything else on the quiet path; the table starts over when it is full
  const known = new Map<string, string>()
  return (client) => {
    let hashed = known.get(client)
    if (hashed === undefined) {
      hashed = createHmac('sha256', secret).update(client).digest('base64url').slice(0, 22)
      if (known.size >= 4_096) known.clear()
      known.set(client, hashed)
    }
    return hashed
  }
}
