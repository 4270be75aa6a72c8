import type { Database } from './database.ts'
import { Refusal } from './refusal.ts'

export interface CartLine {
  readonly productId: number
  readonly slug: string
  readonly name: string
  readonly art: string
  readonly hue: number
  readonly unitCents: number
  readonly quantity: number
  readonly stock: number
}

export const totalCents = (lines: readonly CartLine[]): number =>
  lines.reduce((sum, { unitCents, quantity }) => sum + unitCents * quantity, 0)

export const readCart = async (db: Omit<Database, 'transaction'>, sessionId: string | undefined): Promise<CartLine[]> =>
  sessionId === undefined
    ? []
    : db.rows(
        `select p.id as "productId", p.slug, p.brand || ' ' || p.name as name, c.art, p.hue,
                p.price_cents as "unitCents", i.quantity, p.stock
         from cart_items i join products p on p.id = i.product_id join categories c on c.id = p.category_id
         where i.session_id = $1 order by i.added_at, p.id`,
        [sessionId],
      )

/** Adds to what already lies in the cart. */
export async function addToCart(db: Database, sessionId: string, slug: string, quantity: number): Promise<void> {
  const added = await db.row(
    `insert into cart_items (session_id, product_id, quantity)
     select $1, id, $3 from products where slug = $2 and active
     on conflict (session_id, product_id) do update set quantity = least(99, cart_items.quantity + excluded.quantity)
     returning quantity`,
    [sessionId, slug, quantity],
  )
  if (!added) throw new Refusal(404, 'This product is not sold any more.')
}

/** Sets a line's quantity; zero takes it out. */
export async function setQuantity(db: Database, sessionId: string, slug: string, quantity: number): Promise<void> {
  const line = 'session_id = $1 and product_id = (select id from products where slug = $2)'
  if (quantity === 0) await db.rows(`delete from cart_items where ${line}`, [sessionId, slug])
  else await db.rows(`update cart_items set quantity = $3 where ${line}`, [sessionId, slug, quantity])
}
