import { createHash, randomBytes } from 'node:crypto'

import type { Database } from './database.ts'
import { Refusal } from './refusal.ts'

/** Who is asking. A visitor has none until something has to be remembered. */
export interface Session {
  readonly id: string | undefined
  readonly customerId: number | undefined
  readonly name: string | undefined
  readonly staff: boolean
  /** How many articles lie in the cart. */
  readonly cartCount: number
}

export const anonymous: Session = {
  id: undefined,
  customerId: undefined,
  name: undefined,
  staff: false,
  cartCount: 0,
}

const cookieName = 'sid'
const hash = (token: string) => createHash('sha256').update(token).digest('base64url')
const newToken = () => randomBytes(32).toString('base64url')

/** The session named by a Cookie header; an unknown or expired one is no session. */
export async function readSession(db: Database, cookies: string | undefined): Promise<Session> {
  const token = cookies?.match(/(?:^|;\s*)sid=([\w-]{43})(?:;|$)/)?.[1]
  if (!token) return anonymous
  const found = await db.row<Session>(
    `select s.id, s.customer_id as "customerId", c.name, coalesce(c.role = 'staff', false) as staff,
            (select coalesce(sum(quantity), 0) from cart_items where session_id = s.id) as "cartCount"
     from sessions s left join customers c on c.id = s.customer_id
     where s.token_hash = $1 and s.expires_at > now()`,
    [hash(token)],
  )
  return found ?? anonymous
}

/** Begins a session, and the cookie that names it. */
export async function beginSession(db: Database): Promise<{ id: string; cookie: string }> {
  const token = newToken()
  const row = await db.row<{ id: string }>('insert into sessions (token_hash) values ($1) returning id', [hash(token)])
  return { id: row!.id, cookie: cookie(token) }
}

/** Ties a customer to the visit under a fresh token, so that one planted before the login is worthless. The cart stays. */
export async function logIn(db: Database, session: Session, customerId: number): Promise<string> {
  const id = session.id ?? (await beginSession(db)).id
  const token = newToken()
  await db.rows('update sessions set token_hash = $2, customer_id = $3 where id = $1', [id, hash(token), customerId])
  return cookie(token)
}

export async function endSession(db: Database, session: Session): Promise<string> {
  await db.rows('delete from sessions where id = $1', [session.id])
  return `${cookieName}=; Path=/; Max-Age=0`
}

/** @throws {Refusal} 401 for a visitor who is not logged in */
export function requireCustomer(session: Session): number {
  if (session.customerId === undefined) throw new Refusal(401, 'Please log in first.')
  return session.customerId
}

/** @throws {Refusal} 403 for anybody but staff */
export function requireStaff(session: Session): void {
  requireCustomer(session)
  if (!session.staff) throw new Refusal(403, 'This page is for the people who run the shop.')
}

const cookie = (token: string) => `${cookieName}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000`
