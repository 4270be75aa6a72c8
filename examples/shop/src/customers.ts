import { dataErased } from '@shop/audit'

import type { Database, Transaction } from './database.ts'
import { hashPassword, passwordMatches } from './passwords.ts'
import { openPersonal, phoneIndex, phoneSearch, samePhone, sealPersonal } from './personal.ts'
import { Refusal } from './refusal.ts'
import type { Shop } from './shop.ts'

export interface Customer {
  readonly id: number
  readonly email: string
  readonly name: string
  readonly phone: string
  readonly address: string
  readonly createdAt: Date
}

/** What a customer tells us at the checkout. */
export interface Contact {
  readonly email: string
  readonly name: string
  readonly phone: string
  readonly address: string
}

const columns = 'id, email, name, phone, address, created_at as "createdAt"'

const open = (row: Customer): Customer => ({
  ...row,
  phone: openPersonal(row.phone, { customer: row.id, field: 'phone' }),
  address: openPersonal(row.address, { customer: row.id, field: 'address' }),
})

export async function findCustomer(db: Database, id: number): Promise<Customer | undefined> {
  const row = await db.row<Customer>(`select ${columns} from customers where id = $1`, [id])
  return row && open(row)
}

/** Staff look a caller up by phone, through the index alone, or by e-mail address. */
export async function searchCustomers(db: Database, wanted: string): Promise<Customer[]> {
  const rows = await db.rows<Customer>(
    `select ${columns} from customers where erased_at is null and (phone_index = any($1) or lower(email) = lower($2))
     order by id limit 100`,
    [phoneSearch(wanted), wanted],
  )
  const same = ({ phone, email }: Customer) => samePhone(phone, wanted) || email.toLowerCase() === wanted.toLowerCase()
  return rows.map(open).filter(same)
}

export async function register(db: Database, contact: Contact, password: string): Promise<number> {
  const hash = await hashPassword(password)
  try {
    return await db.transaction((tx) => insertCustomer(tx, contact, hash))
  } catch (error) {
    if ((error as { constraint?: string }).constraint !== 'customers_account') throw error
    throw new Refusal(409, 'There is an account with this e-mail address already.')
  }
}

/** A customer for this order alone: no password, no claim on an account with the same address. */
export const addGuest = (tx: Transaction, contact: Contact): Promise<number> => insertCustomer(tx, contact, null)

async function insertCustomer(tx: Transaction, contact: Contact, passwordHash: string | null): Promise<number> {
  const row = await tx.row<{ id: number }>(
    'insert into customers (email, name, password_hash) values ($1, $2, $3) returning id',
    [contact.email, contact.name, passwordHash],
  )
  await updateContact(tx, row!.id, contact)
  return row!.id
}

/** Phone and address are sealed under the customer's id, so a value moved to another row does not open. */
export async function updateContact(tx: Transaction, id: number, { name, phone, address }: Contact): Promise<void> {
  await tx.rows('update customers set name = $2, phone = $3, phone_index = $4, address = $5 where id = $1', [
    id,
    name,
    sealPersonal(phone, { customer: id, field: 'phone' }),
    phoneIndex(phone),
    sealPersonal(address, { customer: id, field: 'address' }),
  ])
}

/** The customer whose password this is. A wrong password and an unknown address take the same work and answer. */
export async function checkLogin(db: Database, email: string, password: string): Promise<number | undefined> {
  const account = await db.row<{ id: number; hash: string }>(
    'select id, password_hash as hash from customers where lower(email) = lower($1) and password_hash is not null',
    [email],
  )
  return (await passwordMatches(account?.hash, password)) ? account?.id : undefined
}

/** Forgets the person and keeps the orders, which the books need. */
export async function eraseCustomer({ db, trail }: Pick<Shop, 'db' | 'trail'>, id: number): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.rows('delete from sessions where customer_id = $1', [id])
    const reviews = await tx.rows(
      `update reviews set author = 'A customer', customer_id = null where customer_id = $1 returning id`,
      [id],
    )
    await tx.rows(
      `update customers set email = 'erased-' || id || '@invalid', name = 'Erased', password_hash = null,
              phone = '', phone_index = null, address = '', erased_at = now()
       where id = $1`,
      [id],
    )
    await trail.audit.within(
      tx.client,
      dataErased(`customer:${id}`, { rows: 1 + reviews.length, legalBasis: 'GDPR article 17' }),
    )
  })
}
