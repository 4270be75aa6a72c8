import type { Database } from './database.ts'
import { nextStatuses, type Status } from './orders.ts'
import { Refusal } from './refusal.ts'

/** Moves an order on; what has been cancelled or refunded goes back on the shelf. */
export async function moveOrder(db: Database, id: number, to: Status): Promise<void> {
  await db.transaction(async (tx) => {
    const order = await tx.row<{ status: Status }>('select status from orders where id = $1 for update', [id])
    if (!order) throw new Refusal(404, 'There is no such order.')
    if (!nextStatuses[order.status].includes(to)) throw new Refusal(409, `A ${order.status} order cannot become ${to}.`)
    await tx.rows('update orders set status = $2 where id = $1', [id, to])
    if (to === 'cancelled' || to === 'refunded')
      await tx.rows(
        `update products p set stock = stock + i.quantity from order_items i where i.order_id = $1 and p.id = i.product_id`,
        [id],
      )
  })
}

export async function setStock(db: Database, slug: string, stock: number): Promise<void> {
  const set = await db.row('update products set stock = $2 where slug = $1 returning id', [slug, stock])
  if (!set) throw new Refusal(404, 'There is no such product.')
}
