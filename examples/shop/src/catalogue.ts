import type { Cache } from '@shop/pg-optimizations'

import type { Database } from './database.ts'

export interface Category {
  readonly slug: string
  readonly name: string
  readonly section: string
  readonly art: string
}

export type Product = {
  readonly id: number
  readonly slug: string
  readonly brand: string
  readonly name: string
  readonly priceCents: number
  readonly hue: number
  readonly stock: number
  readonly rating: number
  readonly reviews: number
  readonly category: string
  readonly categorySlug: string
  readonly art: string
}

export interface Listing {
  readonly section?: string | undefined
  readonly category?: string | undefined
  readonly words?: string | undefined
  readonly maxCents?: number | undefined
  readonly sort?: keyof typeof orders | undefined
  /** From 1. */
  readonly page?: number | undefined
}

export const pageSize = 24

/** Every order ends in the id, so that pages neither repeat nor skip a product. */
const orders = {
  popular: 'p.sold desc, p.id',
  rating: 'p.rating desc, p.reviews desc, p.id',
  cheapest: 'p.price_cents, p.id',
  newest: 'p.created_at desc, p.id',
}

const card = `
  p.id, p.slug, p.brand, p.name, p.price_cents as "priceCents", p.hue, p.stock, p.rating::float8 as rating, p.reviews,
  c.name as category, c.slug as "categorySlug", c.art`

export const categories = (db: Database): Promise<Category[]> =>
  db.rows('select slug, name, section, art from categories order by id')

/** One page of products, and whether there is another. Words are those of a search engine: `oak -lamp`, `"reading chair"`. */
export async function listProducts(
  db: Database,
  { section, category, words = '', maxCents, sort = 'popular', page = 1 }: Listing,
): Promise<{ products: Product[]; more: boolean }> {
  const products = await db.rows<Product>(
    `select ${card} from products p join categories c on c.id = p.category_id
     where p.active
       and ($1::text is null or c.slug = $1)
       and ($5::text is null or c.section = $5)
       and ($2::int is null or p.price_cents <= $2)
       and ($3 = '' or p.id in (select product from fast.product_document
                                where words @@ websearch_to_tsquery('pg_catalog.english', $3)))
     order by ${orders[sort]} limit ${pageSize + 1} offset $4`,
    [category ?? null, maxCents ?? null, words, (page - 1) * pageSize, section ?? null],
  )
  return { products: products.slice(0, pageSize), more: products.length > pageSize }
}

/** What the front page shows, asked once in half a minute however many visit. */
export const frontPage = (db: Database, cache: Cache): Promise<{ popular: Product[]; loved: Product[] }> =>
  cache.wrap(
    'front page',
    async () => {
      const [popular, loved] = await Promise.all([listProducts(db, {}), listProducts(db, { sort: 'rating' })])
      return { popular: popular.products.slice(0, 8), loved: loved.products.slice(0, 4) }
    },
    { ttl: '30s' },
  )

export const findProduct = (db: Database, slug: string): Promise<(Product & { description: string }) | undefined> =>
  db.row(
    `select ${card}, p.description from products p join categories c on c.id = p.category_id
     where p.slug = $1 and p.active`,
    [slug],
  )

/** Bought by those who bought this one. */
export const boughtTogether = (db: Database, productId: number): Promise<Product[]> =>
  db.rows(
    `select ${card} from (
       select b.product_id, count(*) as together
       from (select order_id from order_items where product_id = $1 order by order_id desc limit 200) a
       join order_items b using (order_id)
       where b.product_id <> $1 group by 1 order by 2 desc, 1 limit 4) together
     join products p on p.id = together.product_id join categories c on c.id = p.category_id
     where p.active order by together desc, p.id`,
    [productId],
  )
