import type pg from 'pg'

import { hashPassword } from '../passwords.ts'
import { phoneIndex, sealPersonal } from '../personal.ts'
import { createRandom } from './random.ts'
import { familyNames, givenNames, streets, towns } from './taxonomy.ts'

/** The two accounts to try the shop with. */
export const accounts = {
  staff: { email: 'staff@shop.example', password: 'lighthouse keeper' },
  customer: { email: 'anna@shop.example', password: 'a walk by the harbour' },
} as const

/** Customers 1 and 2 are the accounts above; nobody can log in as any of the others. */
export async function seedCustomers(client: pg.ClientBase, count: number): Promise<void> {
  const random = createRandom(2)
  const rows = Array.from({ length: count }, (_, i) => customer(i + 1, random))
  await client.query(
    `insert into customers (id, email, name, phone, phone_index, address, created_at)
     select id, email, name, phone, phone_index, address, now() - age * interval '1 day'
     from json_to_recordset($1) as r(id int, email text, name text, phone text, phone_index text, address text, age int)`,
    [JSON.stringify(rows)],
  )
  await client.query(`select setval('customers_id_seq', $1)`, [count])
  for (const [id, role, { email, password }] of [
    [1, 'staff', accounts.staff],
    [2, 'customer', accounts.customer],
  ] as const)
    await client.query('update customers set email = $2, role = $3, password_hash = $4 where id = $1', [
      id,
      email,
      role,
      await hashPassword(password),
    ])
}

function customer(id: number, random: () => number) {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const [given, family] = [pick(givenNames), pick(familyNames)]
  const phone = `+353 ${String(10_000_000 + id * 37).replace(/(\d)(\d{3})(\d{4})/, '$1 $2 $3')}`
  return {
    id,
    email: `${given}.${family}.${id}@mail.example`
      .toLowerCase()
      .normalize('NFD')
      .replace(/[^a-z0-9.@]/g, ''),
    name: `${given} ${family}`,
    phone: sealPersonal(phone, { customer: id, field: 'phone' }),
    phone_index: phoneIndex(phone),
    address: sealPersonal(`${pick(streets)} ${1 + Math.floor(random() * 90)}, ${pick(towns)}`, {
      customer: id,
      field: 'address',
    }),
    age: Math.floor(random() * 900),
  }
}
