import { createPrivateKey, generateKeyPairSync } from 'node:crypto'

import {
  checkpointSigner,
  createAudit,
  createSealer,
  migrate,
  verifyTrail,
  type Actor,
  type Audit,
  type RecordedEvent,
  type VerifyReport,
} from '@shop/audit'

import type { Config } from './config.ts'
import { createPool, type Database } from './database.ts'
import type { Session } from './session.ts'

/** Who did what: orders, payments, logins, and everything the staff do. It can be added to, and not altered unseen. */
export interface Trail extends AsyncDisposable {
  readonly audit: Audit
  /** Seals what is there and reads the whole trail against its tree and its signed checkpoints. */
  verify(): Promise<VerifyReport>
}

/** On a pool of its own, so that neither the shop nor its trail waits for the other. */
export async function openTrail(config: Config): Promise<Trail> {
  await using resources = new AsyncDisposableStack()
  const pool = resources.adopt(createPool(config.DATABASE_URL, 3), (it) => it.end())
  const client = await pool.connect()
  await migrate(client).finally(() => client.release())
  const key = createPrivateKey({ key: Buffer.from(config.AUDIT_SIGNING_KEY, 'base64'), format: 'der', type: 'pkcs8' })
  const signer = checkpointSigner({ name: 'shop.example/audit', key })
  const sealer = resources.use(createSealer({ pool, signer }))
  const audit = resources.use(
    createAudit({ pool, durability: { 'auth.logout': 'critical', 'http.request': 'critical' } }),
  )
  sealer.start()
  const kept = resources.move()
  return {
    audit,
    async verify() {
      await sealer.seal()
      const reader = await pool.connect()
      return verifyTrail({ client: reader, verifierKey: signer.verifierKey }).finally(() => reader.release())
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

export async function recentEvents(db: Database): Promise<RecordedEvent[]> {
  const rows = await db.rows<{ body: string }>('select body from audit.events order by time desc, id desc limit 100')
  return rows.map(({ body }) => JSON.parse(body) as RecordedEvent)
}

/** Who acts in a session; ids only, so that the trail can stay when the person goes. */
export function actorOf({ id, customerId, staff }: Session): Actor {
  if (customerId !== undefined) return { type: staff ? 'admin' : 'customer', id: String(customerId) }
  return { type: 'anonymous', id: id ?? 'visitor' }
}

/** A fresh `AUDIT_SIGNING_KEY`. */
export const newSigningKey = (): string =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
