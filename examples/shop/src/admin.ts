import { adminActed, orderCancelled, orderRefunded } from '@shop/audit'

import { nextStatuses, type Status } from './orders.ts'
import { Refusal } from './refusal.ts'
import type { Shop } from './shop.ts'

/** Moves an order on; what has been cancelled or refunded goes back on the shelf. */
export async function moveOrder({ db, trail }: Shop, id: number, to: Status): Promise<void> {
  await db.transaction(async (tx) => {
    const order = await tx.row<{ status: Status; total: number }>(
      'select status, total_cents as total from orders where id = $1 for update',
      [id],
    )
    if (!order) throw new Refusal(404, 'There is no such order.')
    if (!nextStatuses[order.status].includes(to)) throw new Refusal(409, `A ${order.status} order cannot become ${to}.`)
    await tx.rows('update orders set status = $2 where id = $1', [id, to])
    if (to === 'cancelled' || to === 'refunded')
      await tx.rows(
        'update products p set stock = stock + i.quantity from order_items i where i.order_id = $1 and p.id = i.product_id',
        [id],
      )
    await trail.audit.within(tx.client, moved(String(id), order, to))
  })
}

function moved(id: string, { status, total }: { status: Status; total: number }, to: Status) {
  const changes = [{ field: 'status', from: status, to }]
  const reason = 'by the staff'
  if (to === 'cancelled') return orderCancelled(id, { reason }, { changes })
  if (to === 'refunded') return orderRefunded(id, { amountMinor: total, currency: 'EUR', reason }, { changes })
  return adminActed({ operation: `order-${to}` }, [{ type: 'order', id }], { changes })
}

export async function setStock({ db, trail }: Shop, slug: string, stock: number): Promise<void> {
  await db.transaction(async (tx) => {
    const before = await tx.row<{ id: number; stock: number }>(
      'select id, stock from products where slug = $1 for update',
      [slug],
    )
    if (!before) throw new Refusal(404, 'There is no such product.')
    await tx.rows('update products set stock = $2 where id = $1', [before.id, stock])
    const changes = [{ field: 'stock', from: before.stock, to: stock }]
    await trail.audit.within(
      tx.client,
      adminActed({ operation: 'set-stock' }, [{ type: 'product', id: String(before.id) }], { changes }),
    )
  })
}
