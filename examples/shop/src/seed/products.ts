import type pg from 'pg'

import { createRandom } from './random.ts'
import { brands, descriptions, hues, kinds, series } from './taxonomy.ts'

/** Products of every kind; prices spread around each kind's own, a few sold out, a few about to be. */
export async function seedProducts(client: pg.ClientBase, count: number): Promise<void> {
  await client.query(
    `insert into categories (id, slug, name, section, art)
     select * from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [
      kinds.map((_, i) => i + 1),
      kinds.map(({ name }) => name.toLowerCase()),
      kinds.map(({ name }) => name),
      kinds.map(({ section }) => section),
      kinds.map(({ art }) => art),
    ],
  )
  const random = createRandom(1)
  const rows = Array.from({ length: count }, (_, i) => product(i + 1, random))
  await client.query(
    `insert into products (id, slug, category_id, brand, name, description, price_cents, hue, stock, created_at)
     select id, slug, category, brand, name, description, cents, hue, stock, now() - age * interval '1 day'
     from json_to_recordset($1) as r(id int, slug text, category int, brand text, name text, description text,
       cents int, hue int, stock int, age int)`,
    [JSON.stringify(rows)],
  )
  await client.query(`select setval('products_id_seq', $1)`, [count])
}

function product(id: number, random: () => number) {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const category = id % kinds.length
  const kind = kinds[category]!
  const name = `${pick(series)} ${pick(kind.materials)} ${pick(kind.nouns)}`
  // a sum of four is near enough to a normal distribution: most cost about the middle, a few half or twice as much
  const spread = 2 ** (random() + random() + random() + random() - 2)
  const scarce = random()
  const line = Math.floor(random() * descriptions.length)
  return {
    id,
    slug: `${name}-${id}`
      .toLowerCase()
      .normalize('NFD')
      .replace(/[\u0300-\u036F’]/g, '')
      .replace(/[^a-z0-9]+/g, '-'),
    category: category + 1,
    brand: pick(brands),
    name,
    description: `${descriptions[line]} ${descriptions[(line + 1 + Math.floor(random() * 5)) % descriptions.length]}`,
    cents: Math.max(500, Math.round((kind.cents * spread) / 500) * 500) - 10,
    hue: pick(hues) + Math.floor(random() * 9),
    stock: scarce < 0.02 ? 0 : scarce < 0.06 ? 1 + Math.floor(random() * 9) : 100 + Math.floor(random() * 900),
    age: Math.floor(random() * 900),
  }
}
